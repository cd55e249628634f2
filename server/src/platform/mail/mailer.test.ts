import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { registerConsumers } from "#test/mails.ts";
import { order, statuses, stocked } from "#test/shop.ts";
import { type Smtp, startSmtp } from "#test/smtp.ts";
import { until } from "#test/until.ts";
import { type Arrivals, mailerContract } from "./mailer.contract.ts";
import { createSmtpMailer } from "./smtp.ts";

describe("the mailbox", () => {
  mailerContract(async (): Promise<Arrivals> => {
    const received = async (shop: TestApp) => {
      const staff = await shop.signUp("staff");
      return (await staff.get("/api/v1/operations/mails")).body["data"] as never;
    };
    return { env: {}, received, [Symbol.asyncDispose]: async () => undefined };
  });
});

describe("SMTP", () => {
  mailerContract(async (): Promise<Arrivals> => {
    const smtp = await startSmtp();
    const received = async () =>
      smtp.taken.map(({ to, subject = "", text = "" }) => ({ recipient: to?.[0]?.address ?? "", subject, text }));
    return { env: sendingTo(smtp), received, [Symbol.asyncDispose]: () => smtp[Symbol.asyncDispose]() };
  });

  test("a mail says that a machine wrote it, who caused it, and carries every script", async () => {
    await using smtp = await startSmtp();
    await using shop = await startApp({ env: { ...sendingTo(smtp), PUBLIC_URL: "https://küche.example/läden" } });
    const ann = await shop.signUp();
    const asked = { email: ann.email };
    await shop.anonymous.post("/api/v1/auth/password-reset", asked, { "x-correlation-id": "ann-forgot" });
    await shop.drained();
    const [mail] = smtp.taken;
    const header = (key: string) => mail?.headers.find((one) => one.key === key)?.value;
    expect(header("auto-submitted")).toBe("auto-generated");
    expect(header("x-correlation-id")).toBe("ann-forgot");
    expect(header("content-type")).toMatch(/^text\/plain; charset=utf-8/);
    expect(mail?.from).toMatchObject({ name: "Läden", address: "shop@shop.example" });
    expect(mail?.text).toContain("https://küche.example/läden/reset-password#token=");
  });

  test("a server that refuses for now is asked again, and the mail arrives once", async () => {
    await using smtp = await startSmtp();
    await using shop = await startApp({ env: sendingTo(smtp) });
    smtp.receive("later");
    const ann = await queued(shop);
    const [failure] = await until(async () => nonEmpty(await failures(shop)));
    expect(failure).toBe("Error: the mail server answered 451 4.7.1 to RCPT TO");
    smtp.receive("take");
    await shop.drained();
    expect(smtp.taken.map(({ to }) => to?.[0]?.address)).toEqual([ann.email]);
  });

  test("a mail that is refused for good is a dead letter at once, which names nobody", async () => {
    await using smtp = await startSmtp();
    await using shop = await startApp({ env: sendingTo(smtp) });
    smtp.receive("never");
    await queued(shop);
    await shop.drained();
    expect(await failures(shop)).toEqual(["Error: the mail server answered 550 5.1.1 to RCPT TO"]);
    const dead = shop.db.selectFrom("deliveries").select(["consumer", "attempts"]).where("dead_at", "is not", null);
    expect(await dead.execute()).toEqual([{ consumer: "mail.send", attempts: 1 }]);
    expect(await shop.db.selectFrom("mails").select("sent_at").execute()).toEqual([{ sent_at: null }]);
  });

  test("one mail of a batch that nobody takes is given up alone, and the others are sent once", async () => {
    await using smtp = await startSmtp();
    await using shop = await startApp({ env: sendingTo(smtp), worker: false });
    await registerConsumers(shop);
    const [first] = [await queued(shop), await queued(shop), await queued(shop)];
    await shop.db.updateTable("mails").set({ recipient: "no address" }).where("user_id", "=", first.id).execute();
    await using _worker = await shop.startWorker();
    await shop.drained();
    expect(smtp.taken).toHaveLength(2);
    expect(await failures(shop)).toEqual(["Error: the mail server answered 501 to RCPT TO"]);
  });

  test("a server that says nothing holds up neither orders nor a transaction, and gets the mail when it speaks", async () => {
    await using smtp = await startSmtp();
    await using shop = await startApp({ env: sendingTo(smtp) });
    const kettle = await stocked(shop, { stock: 5 });
    smtp.receive("silence");
    const ann = await queued(shop);
    await until(async () => smtp.named.includes(ann.email) || undefined);
    const silentSince = await clockOf(shop);
    await order(ann, [[kettle, 1]]);
    await until(async () => (await statuses(shop))["reserved"] === 1 || undefined);
    expect(await idleTransactions(shop, silentSince)).toBe(0);
    expect(smtp.taken).toEqual([]);
    smtp.receive("take");
    await shop.drained();
    const subjects = ["Is this your address?", expect.stringMatching(/^Your order \d+ is kept for you$/)];
    expect(smtp.taken.map(({ subject }) => subject).toSorted()).toEqual(subjects);
  });

  test("a mail that comes twice, because its sending could not be noted, has the same Message-ID", async () => {
    await using smtp = await startSmtp();
    await using shop = await startApp({ env: { ...sendingTo(smtp), FAULTS: "worker.before_handled=throw@1" } });
    await queued(shop);
    await shop.drained();
    const ids = smtp.taken.map(({ messageId }) => messageId);
    expect(ids).toEqual([expect.stringMatching(/^<\d+\.\d+@shop\.example>$/), ids[0]]);
  });

  test("one recipient is one recipient, whatever stands in the address", async () => {
    await using smtp = await startSmtp();
    await using shop = await startApp({ env: sendingTo(smtp), worker: false });
    await registerConsumers(shop);
    const ann = await queued(shop);
    const recipient = "ann@example.org, eve@example.net";
    await shop.db.updateTable("mails").set({ recipient }).where("user_id", "=", ann.id).execute();
    await using _worker = await shop.startWorker();
    await shop.drained();
    expect(await failures(shop)).toHaveLength(1);
    expect(smtp.named).toEqual([]);
  });

  test("whether mails could be handed over is found out without sending one", async () => {
    await using smtp = await startSmtp({ needsLogin: true });
    const good = createSmtpMailer({ url: smtp.url.replace("//", "//shop:secret@"), from: "shop@shop.example" });
    await good.check();
    await good.close();
    expect([smtp.logins, smtp.named]).toEqual([["shop:secret"], []]);
    const dead = createSmtpMailer({ url: "smtp://127.0.0.1:1", from: "shop@shop.example" });
    await expect(dead.check()).rejects.toThrow("the mail server can not be used: ESOCKET");
    await dead.close();
  });

  test("a password is not sent to a server that has no TLS, unless it is on this machine", async () => {
    await using smtp = await startSmtp({ needsLogin: true });
    const port = new URL(smtp.url).port;
    const mail = { id: 1, recipient: "ann@example.org", subject: "Hello", text: "Hello", correlation_id: "one" };
    const sending = async (host: string) => {
      const mailer = createSmtpMailer({ url: `smtp://shop:secret@${host}:${port}`, from: "shop@shop.example" });
      try {
        await mailer.send({ ...mail, created_at: "2026-11-21T10:00:00Z" });
      } finally {
        await mailer.close();
      }
    };
    // The same machine by a name that does not say so.
    await expect(sending("0.0.0.0")).rejects.toThrow("STARTTLS");
    await sending("127.0.0.1");
    expect(smtp.logins).toEqual(["shop:secret"]);
  });

  test("a server that never comes to an end is left after a time, and the connection with it", async () => {
    await using smtp = await startSmtp();
    smtp.receive("silence");
    const mailer = createSmtpMailer({ url: smtp.url, from: "shop@shop.example", limitMs: 300 });
    const mail = { id: 1, recipient: "ann@example.org", subject: "Hello", text: "Hello", correlation_id: "one" };
    await expect(mailer.send({ ...mail, created_at: "2026-11-21T10:00:00Z" })).rejects.toThrow("EABORT");
    await until(() => smtp.connections() === 0);
    await mailer.close();
  });
});

// Who reads the box must not come into an administrator's account by a link in it.
test.for([
  ["mails go out by SMTP", { MAIL: "smtp", SMTP_URL: "smtp://127.0.0.1:1" }],
  ["it is production", { NODE_ENV: "production" }],
] as const)("the staff sees no token where %s", async ([, env]) => {
  await using shop = await startApp({ env, worker: false });
  const admin = await shop.signUp("admin");
  await admin.post("/api/v1/users/me/verification");
  const staff = await shop.signUp("staff");
  const { data } = (await staff.get("/api/v1/operations/mails")).body as { data: { text: string }[] };
  expect(data[0]?.text).toContain("#token=(hidden)");
  expect(data[0]?.text).not.toMatch(/[\w-]{43}/);
});

test("the box is read by address and kind, newest first, page by page", async () => {
  await using shop = await startApp({ worker: false });
  const [ann, ben] = [await shop.signUp(), await shop.signUp()];
  for (const one of [ann, ben, ann]) await one.post("/api/v1/users/me/verification");
  const staff = await shop.signUp("staff");
  const list = async (query: string) => {
    const { data, ...page } = (await staff.get(`/api/v1/operations/mails?${query}`)).body;
    const recipients = (data as { recipient: string }[]).map(({ recipient }) => recipient);
    return { recipients, next_cursor: page["next_cursor"], total: page["total"] };
  };
  const all = await list("limit=2");
  expect(all).toMatchObject({ recipients: [ann.email, ben.email], total: 3 });
  expect(await list(`cursor=${String(all.next_cursor)}`)).toMatchObject({ recipients: [ann.email], next_cursor: null });
  expect(await list(`recipient=${ben.email}&kind=verify_email`)).toMatchObject({ recipients: [ben.email] });
  expect(await list("kind=password_reset")).toMatchObject({ recipients: [], total: 0 });
  await shop.db.updateTable("mails").set({ kind: "of_another_version" }).execute();
  expect(await list("")).toMatchObject({ total: 3 });
});

function sendingTo({ url }: Smtp) {
  return { MAIL: "smtp", SMTP_URL: url, MAIL_FROM: "Läden <shop@shop.example>" };
}

/** Somebody who waits for a mail that is queued. */
async function queued(shop: TestApp) {
  const ann = await shop.signUp();
  await ann.post("/api/v1/users/me/verification");
  return ann;
}

async function failures(shop: TestApp): Promise<string[]> {
  const rows = await shop.db.selectFrom("delivery_failures").select("error").orderBy("id").execute();
  return rows.map(({ error }) => error);
}

function nonEmpty<T>(list: T[]): T[] | undefined {
  return list.length > 0 ? list : undefined;
}

async function clockOf(shop: TestApp): Promise<string> {
  const { rows } = await sql<{ now: string }>`SELECT clock_timestamp() AS now`.execute(shop.db);
  return rows[0]?.now ?? "";
}

/** Transactions from before this moment that wait for something other than the database; younger ones come and go. */
async function idleTransactions(shop: TestApp, before: string): Promise<number | undefined> {
  const { rows } = await sql<{ count: number }>`SELECT count(*)::int AS count FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND xact_start < ${before}`.execute(
    shop.db,
  );
  return rows[0]?.count;
}
