import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { registerConsumers, tokenIn } from "#test/mails.ts";
import type { Environment } from "#src/settings.ts";

/** A mail as its recipient finds it. */
export type ReceivedMail = { recipient: string; subject: string; text: string };

/** Where the mails of one adapter arrive. */
export type Arrivals = AsyncDisposable & {
  /** what makes a shop send there */
  env: Environment;
  received(shop: TestApp): Promise<ReceivedMail[]>;
};

const PASSWORD = "ein Kessel voll Tee";

/**
 * What every way to send mails must do.
 * @param open makes a place of its own for a test
 */
export function mailerContract(open: () => Promise<Arrivals>): void {
  test("a mail reaches its recipient once, and the token in it works", async () => {
    await using place = await open();
    await using shop = await startApp({ env: place.env });
    const ann = await shop.signUp();
    await shop.anonymous.post("/api/v1/auth/password-reset", { email: ann.email });
    await shop.drained();
    const [mail, ...others] = await place.received(shop);
    expect(others).toEqual([]);
    expect(mail).toMatchObject({ recipient: ann.email, subject: "Choose a new password" });
    const use = { token: tokenIn(mail), new_password: PASSWORD };
    expect((await shop.anonymous.post("/api/v1/auth/password-reset/confirm", use)).statusCode).toBe(204);
  });

  test("mails of many go out side by side, each to its own, and are marked as sent", async () => {
    await using place = await open();
    await using shop = await startApp({ env: place.env });
    const people = await Promise.all(Array.from({ length: 12 }, () => shop.signUp()));
    const ask = (email: string) => shop.anonymous.post("/api/v1/auth/password-reset", { email });
    await Promise.all(people.map(({ email }) => ask(email)));
    await shop.drained();
    const recipients = (await place.received(shop)).map(({ recipient }) => recipient);
    expect(recipients.toSorted()).toEqual(people.map(({ email }) => email).toSorted());
    const unsent = shop.db.selectFrom("mails").select("id").where("sent_at", "is", null);
    expect(await unsent.execute()).toEqual([]);
  });

  test("a mail whose account is gone before it was sent is not sent any more", async () => {
    await using place = await open();
    await using shop = await startApp({ env: place.env, worker: false });
    await registerConsumers(shop);
    const ann = await shop.signUp();
    await ann.post("/api/v1/users/me/verification");
    await shop.db.deleteFrom("mails").where("user_id", "=", ann.id).execute();
    await using _worker = await shop.startWorker();
    await shop.drained();
    expect(await place.received(shop)).toEqual([]);
  });
}
