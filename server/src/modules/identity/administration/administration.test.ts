import { expect, test } from "vitest";
import { type Client, startApp, type TestApp } from "#test/app.ts";
import { until } from "#test/until.ts";
import { grantRole } from "./grant-role.ts";

type Row = Record<string, unknown>;
const ROUNDS = 10;
const ann = { email: "ann@example.com", password: "correct horse battery", full_name: "Ann Example" };

// case 14
test("an admin gives a role, and it counts within a second; who was there before stays signed in", async () => {
  await using shop = await startApp({ worker: false });
  const [admin, bob] = [await shop.signUp("admin"), await shop.signUp()];
  expect((await bob.post("/api/v2/products", { name: "Kettle", price_cents: 1 })).statusCode).toBe(403);
  const changed = await admin.patch(`/api/v1/users/${bob.id}`, { role: "staff" });
  expect(changed).toMatchObject({ statusCode: 200, body: { id: bob.id, role: "staff", status: "active", version: 2 } });
  await until(async () => (await bob.post("/api/v2/products", { name: "Kettle", price_cents: 1 })).statusCode === 201);
  expect(await auditOf(shop, bob.id)).toMatchObject([
    { action: "account.role_changed", actor_id: admin.id, details: { from: "customer", to: "staff" } },
  ]);
});

test("the operator's command writes the log, too, and leaves the last admin one", async () => {
  await using shop = await startApp({ worker: false });
  const admin = await shop.signUp("admin");
  expect(await grantRole(shop.db, admin.email.toUpperCase(), "admin")).toMatchObject({ id: admin.id, role: "admin" });
  await expect(grantRole(shop.db, admin.email, "staff")).rejects.toMatchObject({ code: "user.last_admin" });
  const bob = await shop.signUp();
  expect(await grantRole(shop.db, bob.email, "admin")).toMatchObject({ role: "admin" });
  expect(await grantRole(shop.db, admin.email, "staff")).toMatchObject({ role: "staff" });
  expect(await grantRole(shop.db, "nobody@example.org", "staff")).toBeUndefined();
  expect(await auditOf(shop, admin.id)).toMatchObject([
    { action: "account.role_changed", actor_id: null, address_hmac: null, details: { from: "admin", to: "staff" } },
  ]);
});

// cases 22, 51
test("who is disabled is out at once, on every device, and can't log in; enabled again, a login is needed", async () => {
  await using shop = await startApp({ worker: false });
  const admin = await shop.signUp("admin");
  const { body: user } = await shop.anonymous.post("/api/v1/users/register", ann);
  const [token, other] = [await logIn(shop), await logIn(shop)];
  expect((await me(shop, token)).statusCode).toBe(200);
  const path = `/api/v1/users/${String(user["id"])}`;
  expect((await admin.patch(path, { status: "disabled" })).body).toMatchObject({ status: "disabled" });
  expect([(await me(shop, token)).statusCode, (await me(shop, other)).statusCode]).toEqual([401, 401]);
  expect((await shop.anonymous.post("/api/v1/users/login", credentials)).statusCode).toBe(401);
  expect((await admin.patch(path, { status: "active" })).statusCode).toBe(200);
  expect((await me(shop, token)).statusCode).toBe(401);
  expect((await me(shop, await logIn(shop))).statusCode).toBe(200);
  const actions = (await auditOf(shop, Number(user["id"]))).map(({ action }) => action);
  expect(actions.filter((action) => String(action).startsWith("account."))).toEqual([
    "account.opened",
    "account.disabled",
    "account.enabled",
  ]);
});

test("of two admins who demote each other at once, one stays, and neither can demote, disable or delete the last one", async () => {
  await using shop = await startApp({ worker: false });
  for (let round = 0; round < ROUNDS; round += 1) {
    await shop.db.updateTable("users").set({ role: "customer" }).execute();
    const [one, two] = [await shop.signUp("admin"), await shop.signUp("admin")];
    // Known as admins from now on, for a second: only the rule is between them.
    for (const admin of [one, two]) expect((await admin.get("/api/v1/users?limit=1")).statusCode).toBe(200);
    const answers = await Promise.all([
      one.patch(`/api/v1/users/${two.id}`, { role: "customer" }),
      two.patch(`/api/v1/users/${one.id}`, { role: "customer" }),
    ]);
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([200, 409]);
    expect(await countAdmins(shop)).toBe(1);
  }
  const last = await shop.signUp("admin");
  await shop.db.updateTable("users").set({ role: "customer" }).where("id", "<>", last.id).execute();
  const path = `/api/v1/users/${last.id}`;
  const refused = [
    await last.patch(path, { role: "staff" }),
    await last.patch(path, { status: "disabled" }),
    await last.delete("/api/v1/users/me"),
  ];
  expect(refused.map(({ statusCode, body }) => [statusCode, body["code"]])).toEqual(
    refused.map(() => [409, "user.last_admin"]),
  );
  expect((await last.patch(path, { role: "admin" })).statusCode).toBe(200);
});

test("an admin who deletes the account while the other one is demoted: one of both is refused", async () => {
  await using shop = await startApp({ worker: false });
  for (let round = 0; round < ROUNDS; round += 1) {
    await shop.db.updateTable("users").set({ role: "customer" }).execute();
    const [one, two] = [await shop.signUp("admin"), await shop.signUp("admin")];
    const answers = await Promise.all([
      one.delete("/api/v1/users/me"),
      two.patch(`/api/v1/users/${two.id}`, { role: "customer" }),
    ]);
    expect(answers.map(({ statusCode }) => statusCode >= 400).toSorted()).toEqual([false, true]);
    expect(await countAdmins(shop)).toBe(1);
  }
});

test("a change of an account is refused when it is stale, empty, unknown, or of what is not an admin's to set", async () => {
  await using shop = await startApp({ worker: false });
  const [admin, bob] = [await shop.signUp("admin"), await shop.signUp()];
  const path = `/api/v1/users/${bob.id}`;
  expect((await admin.patch(path, { role: "staff" }, { "if-match": '"7"' })).statusCode).toBe(412);
  for (const body of [{}, { role: "owner" }, { status: "deleted" }, { email: "x@example.com" }, { full_name: "X" }]) {
    expect([body, (await admin.patch(path, body)).statusCode]).toEqual([body, 422]);
  }
  expect((await admin.patch("/api/v1/users/999999", { role: "staff" })).statusCode).toBe(404);
  const etag = (await admin.patch(path, { role: "staff" }, { "if-match": '"1"' })).headers["etag"];
  expect((await admin.patch(path, { role: "customer" }, { "if-match": String(etag) })).statusCode).toBe(200);
});

test("accounts are listed, and found by address, role, status and a part of the name, in which % is a letter", async () => {
  await using shop = await startApp({ worker: false });
  const [admin, bob] = [await shop.signUp("admin"), await shop.signUp("staff")];
  await shop.db.updateTable("users").set({ full_name: "100% Bob_" }).where("id", "=", bob.id).execute();
  await shop.signUp();
  const { email } = await shop.db
    .selectFrom("users")
    .select("email")
    .where("id", "=", bob.id)
    .executeTakeFirstOrThrow();
  const found = async (query: string) => (await listed(admin, `/api/v1/users?${query}`)).map(({ id }) => id);
  expect(await found("limit=2")).toEqual([admin.id, bob.id]);
  for (const query of [
    `email=${email.toUpperCase()}`,
    "role=staff",
    "q=bob_",
    "q=100%25",
    "q=%25",
    "sort=full_name&limit=1",
  ])
    expect([query, await found(query)]).toEqual([query, [bob.id]]);
  expect(await found("status=disabled")).toEqual([]);
  expect(JSON.stringify(await listed(admin, "/api/v1/users"))).not.toMatch(/hash|key|secret/);
});

const credentials = { email: ann.email, password: ann.password };

async function logIn(shop: TestApp): Promise<string> {
  return String((await shop.anonymous.post("/api/v1/users/login", credentials)).body["access_token"]);
}

async function me(shop: TestApp, token: string) {
  return await shop.anonymous.get("/api/v1/users/me", undefined, { authorization: `Bearer ${token}` });
}

async function listed(client: Client, url: string): Promise<Row[]> {
  return (await client.get(url)).body["data"] as Row[];
}

async function auditOf(shop: TestApp, user_id: number): Promise<Row[]> {
  return await shop.db.selectFrom("audit_log").selectAll().where("user_id", "=", user_id).orderBy("id").execute();
}

async function countAdmins(shop: TestApp): Promise<number> {
  const admins = shop.db.selectFrom("users").select("id").where("role", "=", "admin").where("status", "=", "active");
  return (await admins.execute()).length;
}
