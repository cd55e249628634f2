import { hashSync } from "@node-rs/argon2";
import { hashSync as bcryptSync } from "bcryptjs";
import { describe, expect, test } from "vitest";
import { type Answer, startApp, type TestApp } from "#test/app.ts";
import { actionsOf } from "#test/audit-actions.ts";
import { hasRedis, startRedis } from "#test/redis-server.ts";

const ann = { email: "ann@example.com", password: "correct horse battery", full_name: "Ann Example" };
const FAILURES = 5;

type Credentials = { email: string; password: string };
const logIn = (shop: TestApp, { email, password }: Credentials, headers: Record<string, string> = {}) =>
  shop.anonymous.post("/api/v1/users/login", { email, password }, headers);
const logInFrom = async (shop: TestApp, remoteAddress: string, payload: Credentials) =>
  (await shop.app.inject({ method: "POST", url: "/api/v1/users/login", payload, remoteAddress })).statusCode;

async function openAccount(shop: TestApp, email = ann.email) {
  expect((await shop.anonymous.post("/api/v1/users/register", { ...ann, email })).statusCode).toBe(201);
}
async function guessWrong(shop: TestApp, email: string, times: number): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (let nth = 0; nth < times; nth += 1) answers.push(await logIn(shop, { email, password: `wrong guess ${nth}` }));
  return answers;
}
/** What an answer says, without when: the seconds that are left go on while the test runs. */
function said({ statusCode, headers, body }: Answer) {
  const { date: _date, "retry-after": after, ratelimit, ...others } = headers;
  const left = String(ratelimit).replace(/t=\d+/, "t");
  const { detail, ...problem } = body;
  return { statusCode, others, left, waits: after !== undefined, problem, detail: String(detail).replace(/\d+/, "n") };
}

// cases 19, 20, 22
test("a wrong password, an unknown name, a disabled and a deleted account are told the same, headers and all", async () => {
  await using shop = await startApp({ worker: false });
  for (const email of ["ann@example.com", "disabled@example.com", "deleted@example.com"])
    await openAccount(shop, email);
  await shop.db.updateTable("users").set({ status: "disabled" }).where("email", "=", "disabled@example.com").execute();
  await shop.db
    .updateTable("users")
    .set({ deleted_at: new Date().toISOString(), status: "disabled" })
    .where("email", "=", "deleted@example.com")
    .execute();
  const same = { "x-correlation-id": "same", traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" };
  const answers = [
    await logIn(shop, { email: ann.email, password: "wrong password" }, same),
    await logIn(shop, { email: "nobody@example.com", password: "wrong password" }, same),
    await logIn(shop, { email: "disabled@example.com", password: ann.password }, same),
    await logIn(shop, { email: "deleted@example.com", password: ann.password }, same),
  ];
  expect(answers[0]).toMatchObject({ statusCode: 401, body: { code: "auth.bad_credentials" } });
  for (const answer of answers.slice(1)) expect(said(answer)).toEqual(said(answers[0] ?? answer));
});

// cases 23, 24, 29
test("after five failures a name waits, whoever has it, with the right password too", async () => {
  await using shop = await startApp({ worker: false });
  await openAccount(shop);
  const known = await guessWrong(shop, ann.email, FAILURES);
  const unknown = await guessWrong(shop, "nobody@example.com", FAILURES);
  const same = { "x-correlation-id": "same" };
  known.push(await logIn(shop, ann, same));
  unknown.push(await logIn(shop, { ...ann, email: "nobody@example.com" }, same));
  expect(known.map(({ statusCode }) => statusCode)).toEqual([...Array(FAILURES).fill(401), 429]);
  known.forEach((answer, index) => {
    const other = unknown[index] ?? answer;
    const { others, problem, ...rest } = said(answer);
    const { others: theirs, problem: their, ...same_rest } = said(other);
    expect(same_rest).toEqual(rest);
    expect(Object.keys(theirs)).toEqual(Object.keys(others));
    expect({ ...their, correlation_id: "" }).toEqual({ ...problem, correlation_id: "" });
  });
  const throttled = known.at(-1);
  expect(throttled?.headers["ratelimit-policy"]).toBe('"login-account";q=5;w=600');
  expect(Number(throttled?.headers["retry-after"])).toBeGreaterThan(500);
  // The same name in other letters is the same name.
  expect((await logIn(shop, { ...ann, email: "ＡNN@Example.com " })).statusCode).toBe(429);
});

test("a hundred guesses at once: five are heard, the others are not, and the right one may be among those", async () => {
  await using shop = await startApp({ worker: false });
  await openAccount(shop);
  const guesses = Array.from({ length: 100 }, (_, nth) => logIn(shop, { email: ann.email, password: `guess ${nth}` }));
  const statuses = (await Promise.all(guesses)).map(({ statusCode }) => statusCode);
  expect(statuses.toSorted()).toEqual([...Array(FAILURES).fill(401), ...Array(95).fill(429)]);
});

test("logins that succeed are not counted", async () => {
  await using shop = await startApp({ worker: false });
  await openAccount(shop);
  for (let nth = 0; nth < 2 * FAILURES; nth += 1) expect((await logIn(shop, ann)).statusCode).toBe(200);
  expect((await guessWrong(shop, ann.email, FAILURES)).map(({ statusCode }) => statusCode)).toEqual(
    Array(FAILURES).fill(401),
  );
});

// cases 25, 27
test("fifty accounts from one network address make that address wait; a forged one does not help, another one is free", async () => {
  await using shop = await startApp({ worker: false, env: { RATE_LIMIT_SCALE: "1" } });
  const guess = (nth: number, headers = {}) =>
    logIn(shop, { email: `name-${nth}@example.com`, password: "wrong password" }, headers);
  for (let nth = 0; nth < 50; nth += 1) expect((await guess(nth)).statusCode).toBe(401);
  const throttled = await guess(50, { "x-forwarded-for": "203.0.113.9", forwarded: "for=203.0.113.9" });
  expect([throttled.statusCode, throttled.headers["ratelimit-policy"]]).toEqual([429, '"login-address";q=50;w=600']);
  expect(await logInFrom(shop, "198.51.100.7", { email: "name-51@example.com", password: "wrong password" })).toBe(401);
});

// case 25
test("whoever changes the lower half of an IPv6 address stays the same guest; the neighbours are free", async () => {
  await using shop = await startApp({ worker: false, env: { RATE_LIMIT_SCALE: "1" } });
  const guess = (nth: number) => ({ email: `name-${nth}@example.com`, password: "wrong password" });
  for (let nth = 0; nth < 50; nth += 1)
    expect(await logInFrom(shop, `2001:db8:0:1::${nth.toString(16)}`, guess(nth))).toBe(401);
  expect(await logInFrom(shop, "2001:db8:0:1:ffff::1", guess(50))).toBe(429);
  expect(await logInFrom(shop, "2001:db8:0:2::1", guess(51))).toBe(401);
});

// case 26
test("a thousand network addresses make one account wait, and the owner who is signed in stays so", async () => {
  await using shop = await startApp({ worker: false });
  await openAccount(shop);
  const signedIn = await logIn(shop, ann);
  const bearer = { authorization: `Bearer ${String(signedIn.body["access_token"])}` };
  const cookie = String(signedIn.headers["set-cookie"]).split(";")[0] ?? "";
  const statuses: number[] = [];
  for (let nth = 0; nth < 1_000; nth += 1)
    statuses.push(
      await logInFrom(shop, `10.1.${nth >> 8}.${nth & 255}`, { email: ann.email, password: "wrong password" }),
    );
  expect(statuses.filter((status) => status === 401)).toHaveLength(FAILURES);
  expect(statuses.filter((status) => status === 429)).toHaveLength(1_000 - FAILURES);
  expect((await shop.anonymous.get("/api/v1/users/me", undefined, bearer)).statusCode).toBe(200);
  expect((await shop.anonymous.post("/api/v1/auth/refresh", undefined, { cookie })).statusCode).toBe(200);
  // What is written down of it is what the limit let through, and that it began to refuse.
  const written = (await actionsOf(shop)).filter((action) => action.startsWith("login."));
  expect(written).toEqual(["login.succeeded", ...Array(FAILURES).fill("login.failed"), "login.throttled"]);
});

// case 84
test("a failed login is written down with whose account it was and no name; for a name that nobody has, without one", async () => {
  await using shop = await startApp({ worker: false });
  await openAccount(shop);
  await logIn(shop, { email: ann.email, password: "wrong password" }, { "x-correlation-id": "known" });
  await logIn(shop, { email: "nobody@example.com", password: "wrong password" }, { "x-correlation-id": "unknown" });
  const { id } = await shop.db.selectFrom("users").select("id").executeTakeFirstOrThrow();
  const rows = await shop.db
    .selectFrom("audit_log")
    .selectAll()
    .where("action", "=", "login.failed")
    .orderBy("id")
    .execute();
  expect(rows).toMatchObject([
    { user_id: id, actor_id: null, correlation_id: "known" },
    { user_id: null, actor_id: null, address_hmac: null, correlation_id: "unknown" },
  ]);
  expect(rows[0]?.address_hmac).toHaveLength(32);
  expect(JSON.stringify(rows)).not.toMatch(/example\.com|127\.0\.0\.1|wrong/);
});

test("what was counted is there after a restart, and holds no name", async () => {
  await using shop = await startApp({ worker: false });
  await guessWrong(shop, ann.email, FAILURES);
  const rows = await shop.db.selectFrom("rate_limits").selectAll().execute();
  expect(rows.length).toBeGreaterThan(0);
  expect(JSON.stringify(rows)).not.toMatch(/ann|example|127\.0\.0\.1/);
  await using again = await startApp({ worker: false, env: { DATABASE_URL: shop.url } });
  expect((await logIn(again, ann)).statusCode).toBe(429);
});

describe.skipIf(!hasRedis)("with Redis (where it is missing: scripts/services/start redis)", () => {
  // case 28
  test("without Redis PostgreSQL goes on counting, without a failure of ours", async () => {
    await using redis = await startRedis();
    await using shop = await startApp({ worker: false, env: { REDIS_URL: redis.url } });
    await expect.poll(() => shop.context.redis?.client.isReady).toBe(true);
    await openAccount(shop);
    expect((await guessWrong(shop, ann.email, FAILURES + 1)).at(-1)?.statusCode).toBe(429);
    expect(await shop.db.selectFrom("rate_limits").selectAll().execute()).toEqual([]);
    await redis.kill();
    const statuses = (await guessWrong(shop, ann.email, FAILURES + 2)).map(({ statusCode }) => statusCode);
    expect(statuses).toEqual([...Array(FAILURES).fill(401), 429, 429]);
    expect((await shop.db.selectFrom("rate_limits").selectAll().execute()).length).toBeGreaterThan(0);
  });
});

// case 16
test.each([
  ["bcrypt", bcryptSync(ann.password, 4)],
  ["Argon2id with half the memory", hashSync(ann.password, { memoryCost: 9_728, timeCost: 2, parallelism: 1 })],
])("a hash of %s is replaced at the first login, once, and is of today afterwards", async (_, old) => {
  await using shop = await startApp({ worker: false });
  await openAccount(shop);
  await shop.db.updateTable("users").set({ password_hash: old }).execute();
  expect((await logIn(shop, { ...ann, password: "wrong password" })).statusCode).toBe(401);
  const stored = async () =>
    (await shop.db.selectFrom("users").select("password_hash").executeTakeFirstOrThrow()).password_hash;
  expect(await stored()).toBe(old);
  // At once, as from several devices: each of them gets in, one of them replaces it.
  const answers = await Promise.all(Array.from({ length: 4 }, () => logIn(shop, ann)));
  expect(answers.map(({ statusCode }) => statusCode)).toEqual([200, 200, 200, 200]);
  const fresh = await stored();
  expect(fresh).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
  expect((await logIn(shop, ann)).statusCode).toBe(200);
  expect(await stored()).toBe(fresh);
  expect((await actionsOf(shop)).filter((action) => action === "password.upgraded")).toHaveLength(1);
});

// case 32
test.each([
  ["an object", { password: { $ne: "" } }],
  ["a list", { password: [ann.password] }],
  ["a number", { password: 12_345_678 }],
  ["null", { password: null }],
  ["true", { password: true }],
  ["nothing", { password: undefined }],
  ["more than a megabyte is worth", { password: "x".repeat(1_025) }],
])("a login with %s for a password is refused as input and counts as no guess", async (_, change) => {
  await using shop = await startApp({ worker: false });
  for (let nth = 0; nth <= FAILURES; nth += 1) {
    const refused = await shop.anonymous.post("/api/v1/users/login", { ...ann, full_name: undefined, ...change });
    expect([refused.statusCode, refused.body["code"]]).toEqual([422, "request.invalid"]);
  }
  expect(await actionsOf(shop)).toEqual([]);
});
