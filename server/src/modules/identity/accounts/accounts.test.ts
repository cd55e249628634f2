import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { served } from "#test/served.ts";
import { until } from "#test/until.ts";
import { grantRole } from "#src/modules/identity/administration/grant-role.ts";

const ann = { email: "ann@example.com", password: "correct horse battery", full_name: "Ann Example" };

test("who registers can log in with either login, and reads the account with the token", async () => {
  await using shop = await startApp({ worker: false });
  const registered = await shop.anonymous.post("/api/v1/users/register", ann);
  expect(registered.statusCode).toBe(201);
  expect(registered.body).toMatchObject({ email: ann.email, full_name: ann.full_name, role: "customer" });
  expect(JSON.stringify(registered.body)).not.toContain("password");
  const json = await logIn(shop, ann);
  const form = await shop.app.inject({
    method: "POST",
    url: "/api/v1/auth/login/access-token",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    payload: new URLSearchParams({ grant_type: "password", username: ann.email, password: ann.password }).toString(),
  });
  for (const token of [json.body, form.json<Record<string, unknown>>()]) {
    expect(token).toMatchObject({ token_type: "bearer", expires_in: 900 });
    expect(await me(shop, String(token["access_token"]))).toMatchObject({
      statusCode: 200,
      body: { email: ann.email },
    });
  }
});

test("the stored hash is Argon2id with at least 19 MiB, two passes and one lane", async () => {
  await using shop = await startApp({ worker: false });
  await shop.anonymous.post("/api/v1/users/register", ann);
  const { password_hash } = await shop.db.selectFrom("users").select("password_hash").executeTakeFirstOrThrow();
  const [, m, t, p] = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$/.exec(password_hash) ?? [];
  expect([Number(m) >= 19_456, Number(t) >= 2, Number(p) >= 1]).toEqual([true, true, true]);
});

test("one address in other letters is the same account", async () => {
  await using shop = await startApp({ worker: false });
  await shop.anonymous.post("/api/v1/users/register", ann);
  const again = await shop.anonymous.post("/api/v1/users/register", { ...ann, email: "ANN@Example.COM" });
  expect([again.statusCode, again.body["code"]]).toEqual([409, "user.email_taken"]);
  expect((await logIn(shop, { ...ann, email: "Ann@EXAMPLE.com" })).statusCode).toBe(200);
});

test("twenty registrations of one address at once make one account", async () => {
  await using shop = await startApp({ worker: false });
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => served(() => shop.anonymous.post("/api/v1/users/register", ann))),
  );
  expect(answers.map((answer) => answer.statusCode).toSorted()).toEqual([201, ...Array(19).fill(409)]);
});

test.each([
  ["a short password", { password: "seven77" }, "password"],
  ["a password beyond 128 characters", { password: "x".repeat(129) }, "password"],
  ["an address that is none", { email: "ann" }, "email"],
  ["a Cyrillic letter in the address", { email: "аnn@example.com" }, "email"],
  ["a dot at the end of the address", { email: "ann@example.com." }, "email"],
  ["a password that everybody tries", { password: "password123" }, "password"],
  ["a list for a password", { password: ["correct", "horse", "battery"] }, "password"],
  ["a password beyond 1,024 bytes", { password: "🫖".repeat(300) }, "password"],
  ["a flag for an admin", { is_admin: true }, "is_admin"],
  ["an address beyond 254 characters", { email: `${"a".repeat(250)}@b.co` }, "email"],
  ["a role", { role: "admin" }, "role"],
  ["a password that is a number", { password: 12_345_678 }, "password"],
])("a registration with %s is refused and names the field", async (_, change, path) => {
  await using shop = await startApp({ worker: false });
  const refused = await shop.anonymous.post("/api/v1/users/register", { ...ann, ...change });
  expect(refused).toMatchObject({ statusCode: 422, body: { errors: [{ path }] } });
  expect(await shop.db.selectFrom("users").select("id").execute()).toEqual([]);
});

test("passwords of 128 characters are taken whole, with spaces and emoji", async () => {
  await using shop = await startApp({ worker: false });
  const password = `${"a 🫖 ".repeat(30)}12345678`;
  await shop.anonymous.post("/api/v1/users/register", { ...ann, password });
  expect((await logIn(shop, { ...ann, password })).statusCode).toBe(200);
  expect((await logIn(shop, { ...ann, password: `${password.slice(0, -1)}9` })).statusCode).toBe(401);
});

test("a wrong password, an unknown name and a disabled account are told the same to the byte", async () => {
  await using shop = await startApp({ worker: false });
  await shop.anonymous.post("/api/v1/users/register", ann);
  const same = { "x-correlation-id": "same" };
  const wrong = await shop.anonymous.post(
    "/api/v1/users/login",
    { email: ann.email, password: "wrong password" },
    same,
  );
  const unknown = await shop.anonymous.post(
    "/api/v1/users/login",
    { email: "bob@example.com", password: "wrong password" },
    same,
  );
  await shop.db.updateTable("users").set({ status: "disabled" }).execute();
  const disabled = await shop.anonymous.post("/api/v1/users/login", { email: ann.email, password: ann.password }, same);
  expect(wrong.statusCode).toBe(401);
  expect([unknown.body, disabled.body]).toEqual([wrong.body, wrong.body]);
});

test("after five failures the account waits, with the right password too, and so does a name that nobody has", async () => {
  await using shop = await startApp({ worker: false });
  await shop.anonymous.post("/api/v1/users/register", ann);
  for (const email of [ann.email, "nobody@example.com"]) {
    for (let failure = 0; failure < 5; failure += 1) {
      expect((await logIn(shop, { email, password: "wrong password" })).statusCode).toBe(401);
    }
    const throttled = await logIn(shop, { email, password: ann.password });
    expect([throttled.statusCode, throttled.body["code"]]).toEqual([429, "request.too_many"]);
    expect(Number(throttled.headers["retry-after"])).toBeGreaterThan(500);
    expect(throttled.headers["ratelimit-policy"]).toBe('"login-account";q=5;w=600');
  }
});

test("a revoked session, a disabled account and a changed role count within a second, although the token is good", async () => {
  await using shop = await startApp({ worker: false });
  const [revoked, disabled, promoted] = [await shop.signUp(), await shop.signUp(), await shop.signUp()];
  for (const one of [revoked, disabled]) expect((await one.get("/api/v1/users/me")).statusCode).toBe(200);
  expect((await promoted.post("/api/v2/products", { name: "Kettle", price_cents: 1 })).statusCode).toBe(403);
  await shop.db
    .updateTable("sessions")
    .set({ revoked_at: new Date().toISOString() })
    .where("user_id", "=", revoked.id)
    .execute();
  await shop.db.updateTable("users").set({ status: "disabled" }).where("id", "=", disabled.id).execute();
  const { email } = await shop.db
    .selectFrom("users")
    .select("email")
    .where("id", "=", promoted.id)
    .executeTakeFirstOrThrow();
  expect(await grantRole(shop.db, email.toUpperCase(), "staff")).toMatchObject({ role: "staff" });
  for (const one of [revoked, disabled])
    await until(async () => (await one.get("/api/v1/users/me")).statusCode === 401);
  await until(
    async () => (await promoted.post("/api/v2/products", { name: "Kettle", price_cents: 1 })).statusCode === 201,
  );
});

test("no password and no token is kept as it was sent", async () => {
  await using shop = await startApp({ worker: false });
  await shop.anonymous.post("/api/v1/users/register", ann);
  const token = String((await logIn(shop, ann)).body["access_token"]);
  const rows = [
    await shop.db.selectFrom("users").selectAll().execute(),
    await shop.db.selectFrom("sessions").selectAll().execute(),
  ];
  const stored = JSON.stringify(rows);
  const digests = [ann.password, token, createHash("sha256").update(ann.password).digest("hex")];
  expect(digests.filter((secret) => stored.includes(secret))).toEqual([]);
});

test("an account is changed with the version that was read, and refused with an older one", async () => {
  await using shop = await startApp({ worker: false });
  const user = await shop.signUp();
  const { headers } = await user.get("/api/v1/users/me");
  const ifMatch = { "if-match": String(headers.etag) };
  expect((await user.patch("/api/v1/users/me", { full_name: "Ann B." }, ifMatch)).body).toMatchObject({
    full_name: "Ann B.",
    version: 2,
  });
  expect((await user.patch("/api/v1/users/me", { full_name: "Ann C." }, ifMatch)).statusCode).toBe(412);
  expect((await user.patch("/api/v1/users/me", { role: "admin" })).statusCode).toBe(422);
});

function logIn(shop: TestApp, { email, password }: { email: string; password: string }) {
  return shop.anonymous.post("/api/v1/users/login", { email, password });
}

function me(shop: TestApp, token: string) {
  return shop.anonymous.get("/api/v1/users/me", undefined, { authorization: `Bearer ${token}` });
}
