import { createHmac } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { type Client, startApp, type TestApp } from "#test/app.ts";
import { AUDIT_ACTIONS, recordAudit } from "./audit.ts";

type Row = Record<string, unknown>;
const ann = { email: "ann@example.com", password: "correct horse battery", full_name: "Ann Example" };
const INSUFFICIENT_PRIVILEGE = "42501";
const caller = { correlation_id: "test", address: "192.0.2.7", user_agent: null, user_id: null };

// case 84
test("what happens to an account is written down: who, what, when in UTC, from where as a hash, in which request", async () => {
  await using shop = await startApp({ worker: false });
  const headers = { "x-correlation-id": "journey-1", "user-agent": "Test/1" };
  await shop.anonymous.post("/api/v1/users/register", ann, headers);
  await shop.anonymous.post("/api/v1/users/login", { email: ann.email, password: "wrong password" }, headers);
  const { body } = await shop.anonymous.post(
    "/api/v1/users/login",
    { email: ann.email, password: ann.password },
    headers,
  );
  const signedIn = { ...headers, authorization: `Bearer ${String(body["access_token"])}` };
  const { body: user } = await shop.anonymous.get("/api/v1/users/me", undefined, signedIn);
  await shop.anonymous.post("/api/v1/auth/logout", undefined, signedIn);
  const staff = await shop.signUp("staff");
  const seen = await listed(staff, "correlation_id=journey-1&sort=id");
  expect(seen.map(({ action }) => action)).toEqual([
    "account.opened",
    "login.failed",
    "login.succeeded",
    "session.closed",
  ]);
  for (const row of seen) {
    expect(row).toMatchObject({ user_id: user["id"], correlation_id: "journey-1" });
    expect(row["occurred_at"]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    expect(row["address_hmac"]).toBe(seen[0]?.["address_hmac"]);
    expect(row["address_hmac"]).toMatch(/^[0-9a-f]{64}$/);
  }
  expect(seen.map(({ actor_id }) => actor_id)).toEqual([null, null, user["id"], user["id"]]);
  expect(JSON.stringify(await everyRow(shop))).not.toMatch(/ann|example|127\.0\.0\.1|Test\/1/i);
});

test("the hash of an address is under a key of its account: the same there, another one elsewhere", async () => {
  await using shop = await startApp({ worker: false });
  const [one, two] = [await shop.signUp(), await shop.signUp()];
  for (const { id } of [one, one, two]) {
    await recordAudit(shop.db, { ...caller, user_id: id }, { action: "login.succeeded", user_id: id });
  }
  await recordAudit(shop.db, caller, { action: "login.failed", user_id: null });
  const [first, again, other, nobodys] = (await everyRow(shop)).map(
    ({ address_hmac }) => address_hmac as Buffer | null,
  );
  const { audit_key } = await shop.db
    .selectFrom("users")
    .select("audit_key")
    .where("id", "=", one.id)
    .executeTakeFirstOrThrow();
  expect(first).toEqual(
    createHmac("sha256", audit_key ?? "")
      .update(caller.address)
      .digest(),
  );
  expect(again).toEqual(first);
  expect(other).not.toEqual(first);
  expect(nobodys).toBeNull();
});

test("who is signed in and tries another name leaves an address under the own key, which goes with the own account", async () => {
  await using shop = await startApp({ worker: false });
  const [one, two] = [await shop.signUp(), await shop.signUp()];
  await one.post("/api/v1/users/login", { email: two.email, password: "wrong password" });
  const { audit_key } = await shop.db
    .selectFrom("users")
    .select("audit_key")
    .where("id", "=", one.id)
    .executeTakeFirstOrThrow();
  const address_hmac = createHmac("sha256", audit_key ?? "")
    .update("127.0.0.1")
    .digest();
  expect(await everyRow(shop)).toMatchObject([
    { action: "login.failed", actor_id: one.id, user_id: two.id, address_hmac },
  ]);
});

// case 84, ASVS 16.4.1
test("nothing but ids and words gets into the log, by the code and by the table itself", async () => {
  await using shop = await startApp({ worker: false });
  const { id } = await shop.signUp();
  for (const detail of ["two\nlines", "a b", "ann@example.com", "<b>", "", "x".repeat(65)]) {
    const entry = { action: "login.failed", user_id: id, details: { detail } } as const;
    await expect(recordAudit(shop.db, caller, entry)).rejects.toThrow("is no word");
  }
  const insert = (row: { action: string; correlation_id: string }) =>
    shop.db.insertInto("audit_log").values(row).execute();
  await expect(insert({ action: "login.failed\nlogin.succeeded", correlation_id: "x" })).rejects.toThrow("is_a_word");
  await expect(insert({ action: "login.failed", correlation_id: "x\r\ny" })).rejects.toThrow("is_a_word");
  for (const action of AUDIT_ACTIONS) await insert({ action, correlation_id: "x" });
  const forged = { "x-correlation-id": "a b", authorization: "Bearer x" };
  await shop.anonymous.post("/api/v1/users/login", { email: "a@example.com", password: "wrong password" }, forged);
  const written = (await everyRow(shop)).at(-1);
  expect(written).toMatchObject({ action: "login.failed", user_id: null });
  expect(written?.["correlation_id"]).toMatch(/^[0-9a-f-]{36}$/);
});

// case 84, ASVS 16.4.2: the database user of these tests owns the table and is a superuser, too
test("what was written can't be changed or removed, not by the application's own database user either", async () => {
  await using shop = await startApp({ worker: false });
  const { id } = await shop.signUp();
  await recordAudit(shop.db, caller, { action: "login.failed", user_id: id });
  const before = await everyRow(shop);
  for (const statement of [
    "UPDATE audit_log SET user_id = NULL",
    "UPDATE audit_log SET user_id = 1 WHERE false",
    "DELETE FROM audit_log",
    "TRUNCATE audit_log",
    "TRUNCATE users, audit_log CASCADE",
    "INSERT INTO audit_log (id, action, correlation_id) OVERRIDING SYSTEM VALUE VALUES (1, 'login.failed', 'x') ON CONFLICT (id) DO UPDATE SET user_id = 7",
    "MERGE INTO audit_log USING (SELECT 1) AS s ON true WHEN MATCHED THEN DELETE",
  ]) {
    expect([statement, await codeOf(shop, statement)]).toEqual([statement, INSUFFICIENT_PRIVILEGE]);
  }
  expect(await everyRow(shop)).toEqual(before);
});

test("with the rights of docs/personal-data.md the shop works, and can't change the log or switch its guard off", async () => {
  await using owner = await startApp({ worker: false });
  const role = new URL(owner.url).pathname.slice(1);
  const page = await readFile(path.resolve(import.meta.dirname, "../../../../../docs/personal-data.md"), "utf8");
  const rights = /```sql\n(.*?)```/s.exec(page)?.[1] ?? "";
  await sql.raw(rights.replaceAll("shopfloor_app", role).replace("'...'", "'only for this test'")).execute(owner.db);
  await using undo = new AsyncDisposableStack();
  undo.defer(async () => void (await sql.raw(`DROP OWNED BY ${role}; DROP ROLE ${role}`).execute(owner.db)));
  const url = Object.assign(new URL(owner.url), { username: role, password: "only for this test" });
  const shop = undo.use(await startApp({ env: { DATABASE_URL: url.href } }));
  await shop.anonymous.post("/api/v1/users/register", ann);
  const [staff, buyer] = [await shop.signUp("staff"), await shop.signUp()];
  const { body: kettle } = await staff.post("/api/v2/products", { name: "Kettle", price_cents: 1, stock: 5 });
  const placed = await buyer.post("/api/v2/orders", { items: [{ product_id: kettle["id"], quantity: 1 }] });
  await shop.drained();
  expect((await buyer.get(`/api/v2/orders/${String(placed.body["id"])}`)).body).toMatchObject({ status: "reserved" });
  expect((await buyer.delete("/api/v1/users/me")).statusCode).toBe(204);
  expect((await everyRow(owner)).map(({ action }) => action)).toEqual(["account.opened", "account.deleted"]);
  for (const statement of [
    "UPDATE audit_log SET user_id = 1",
    "DELETE FROM audit_log",
    "TRUNCATE audit_log",
    "ALTER TABLE audit_log DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_log_append_only ON audit_log",
    "SET session_replication_role = replica",
    "DROP TABLE audit_log",
  ]) {
    expect([statement, await codeOf(shop, statement)]).toEqual([statement, INSUFFICIENT_PRIVILEGE]);
  }
});

test("staff pages through the log and filters it; customers are kept out", async () => {
  await using shop = await startApp({ worker: false });
  const [staff, ann1, admin] = [await shop.signUp("staff"), await shop.signUp(), await shop.signUp("admin")];
  for (const { id } of [ann1, ann1, ann1, staff]) {
    await recordAudit(shop.db, { ...caller, user_id: admin.id }, { action: "account.enabled", user_id: id });
  }
  await recordAudit(shop.db, caller, { action: "login.failed", user_id: ann1.id });
  expect((await ann1.get("/api/v1/operations/audit")).statusCode).toBe(403);
  const ids = async (query: string) => (await listed(staff, query)).map(({ id }) => id);
  const all = await ids("sort=id");
  expect(all).toHaveLength(5);
  expect(await ids("")).toEqual(all.toReversed());
  expect(await ids(`user_id=${ann1.id}&sort=id`)).toEqual([...all.slice(0, 3), all[4]]);
  expect(await ids(`actor_id=${admin.id}&sort=id`)).toEqual(all.slice(0, 4));
  expect(await ids("action=login.failed")).toEqual(all.slice(4));
  const now = new Date(Date.now() + 60_000).toISOString();
  expect([await ids(`from=${now}`), await ids(`to=${now}&sort=id`)]).toEqual([[], all]);
  const first = await staff.get("/api/v1/operations/audit?limit=3");
  expect(await ids(`limit=3&cursor=${String(first.body["next_cursor"])}`)).toEqual(all.slice(0, 2).toReversed());
  for (const query of [
    "action=nonsense",
    "from=yesterday",
    "from=2026-02-30T00:00:00Z",
    "from=0000-01-01T00:00:00Z",
    "to=2026-01-01T00:00:00%2B02:00",
    "user_id=x",
    "correlation_id=a%20b",
  ])
    expect([query, (await staff.get(`/api/v1/operations/audit?${query}`)).statusCode]).toEqual([query, 422]);
  expect(await everyRow(shop)).toHaveLength(5);
});

async function listed(client: Client, query: string): Promise<Row[]> {
  const answer = await client.get(`/api/v1/operations/audit?${query}`);
  expect(answer.statusCode).toBe(200);
  return answer.body["data"] as Row[];
}

/** The code with which PostgreSQL refuses a statement; undefined when it does not. */
async function codeOf(shop: TestApp, statement: string): Promise<unknown> {
  try {
    await sql.raw(statement).execute(shop.db);
    return undefined;
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
}

async function everyRow(shop: TestApp): Promise<Row[]> {
  return await shop.db.selectFrom("audit_log").selectAll().orderBy("id").execute();
}
