import { sql } from "kysely";
import { expect, test } from "vitest";
import { type Answer, startApp, type TestApp } from "#test/app.ts";
import { mailsTo, tokenIn } from "#test/mails.ts";
import { PASSWORD } from "#test/operations.ts";

const EMAIL = "ann@example.org";
const MAILS_AN_HOUR = 3;

function verify(shop: TestApp, token: string): Promise<Answer> {
  return shop.anonymous.post("/api/v1/auth/verify-email", { token });
}

async function registered(shop: TestApp) {
  const account = { email: EMAIL, password: PASSWORD, full_name: "Ann Example" };
  const made = await shop.anonymous.post("/api/v1/users/register", account, { "x-correlation-id": "ann-registers" });
  const { body } = await shop.anonymous.post("/api/v1/users/login", { email: EMAIL, password: PASSWORD });
  const headers = { authorization: `Bearer ${String(body["access_token"])}` };
  return {
    made,
    account: async () => (await shop.anonymous.get("/api/v1/users/me", undefined, headers)).body,
    askAgain: () => shop.anonymous.post("/api/v1/users/me/verification", undefined, headers),
  };
}

// case 1
test("a new account gets a link, and is verified once the link comes back", async () => {
  await using shop = await startApp();
  const ann = await registered(shop);
  expect(ann.made.body["email_verified"]).toBe(false);
  const [mail, ...others] = await mailsTo(shop, EMAIL);
  expect(others).toEqual([]);
  expect(mail).toMatchObject({ kind: "verify_email", correlation_id: "ann-registers", sent_at: expect.any(String) });
  expect(await ann.account()).toMatchObject({ email_verified: false, version: 1 });
  expect((await verify(shop, tokenIn(mail))).statusCode).toBe(204);
  expect(await ann.account()).toMatchObject({ email_verified: true, version: 2 });
});

test("a link that comes back twice does nothing the second time, and is no mistake", async () => {
  await using shop = await startApp();
  const ann = await registered(shop);
  const token = tokenIn((await mailsTo(shop, EMAIL))[0]);
  const answers = await Promise.all([verify(shop, token), verify(shop, token), verify(shop, token)]);
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([204, 204, 204]);
  expect(await ann.account()).toMatchObject({ email_verified: true, version: 2 });
  const verified = shop.db.selectFrom("audit_log").select("id").where("action", "=", "account.verified");
  expect(await verified.execute()).toHaveLength(1);
});

test("a link that is made up, too old or void verifies nothing", async () => {
  await using shop = await startApp();
  const ann = await registered(shop);
  const first = tokenIn((await mailsTo(shop, EMAIL))[0]);
  expect((await ann.askAgain()).statusCode).toBe(202);
  const second = tokenIn((await mailsTo(shop, EMAIL))[0]);
  expect(second).not.toBe(first);
  const refused = { statusCode: 422, body: { code: "auth.token_invalid" } };
  expect(await verify(shop, first)).toMatchObject(refused);
  expect(await verify(shop, "made up")).toMatchObject(refused);
  const reset = { token: second, new_password: "a kettle full of tea" };
  expect(await shop.anonymous.post("/api/v1/auth/password-reset/confirm", reset)).toMatchObject(refused);
  await shop.db
    .updateTable("one_time_tokens")
    .set({ expires_at: sql`now() - interval '1 ms'` })
    .execute();
  expect(await verify(shop, second)).toMatchObject(refused);
  expect((await ann.account())["email_verified"]).toBe(false);
});

test("a verified account needs no other mail, and nobody gets more than three an hour", async () => {
  await using shop = await startApp();
  const ann = await registered(shop);
  for (let asked = 0; asked < MAILS_AN_HOUR; asked += 1) expect((await ann.askAgain()).statusCode).toBe(202);
  expect((await ann.askAgain()).statusCode).toBe(429);
  const [newest] = await mailsTo(shop, EMAIL);
  const ben = await shop.signUp();
  await verify(shop, tokenIn(newest));
  expect((await ben.post("/api/v1/users/me/verification")).statusCode).toBe(202);
  await shop.db
    .updateTable("users")
    .set({ email_verified_at: sql`now()` })
    .where("id", "=", ben.id)
    .execute();
  expect((await ben.post("/api/v1/users/me/verification")).body["code"]).toBe("user.email_verified");
});
