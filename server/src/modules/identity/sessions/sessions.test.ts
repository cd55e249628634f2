import { createHash } from "node:crypto";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { PASSWORD } from "#test/operations.ts";
import {
  audited,
  byToken,
  cookiesOf,
  logIn,
  logInAnew,
  pairOf,
  reasons,
  refresh,
  refreshCookieOf,
  sessionOf,
  statusOf,
  tokens,
  withCookie,
} from "#test/sessions.ts";
import { served } from "#test/served.ts";
import { until } from "#test/until.ts";

const IDLE_DAYS = 14;
const SET = /^__Host-rt=[A-Za-z0-9_-]{43}; Max-Age=12\d{5}; Path=\/; HttpOnly; Secure; SameSite=Strict$/;
const CLEARED = "__Host-rt=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict";

// cases 18, 83
test("both logins set the refresh cookie with exactly these attributes, and tell the token nowhere else", async () => {
  await using shop = await startApp({ worker: false });
  await logInAnew(shop, "ann@example.com");
  const form = new URLSearchParams({ username: "ann@example.com", password: PASSWORD }).toString();
  const type = { "content-type": "application/x-www-form-urlencoded" };
  const json = await logIn(shop, "ann@example.com");
  for (const answer of [json, await shop.anonymous.post("/api/v1/auth/login/access-token", form, type)]) {
    expect(cookiesOf(answer)).toEqual([expect.stringMatching(SET)]);
    expect(Object.keys(answer.body).toSorted()).toEqual(["access_token", "expires_in", "token_type"]);
    expect(JSON.stringify([answer.body, answer.headers.location])).not.toContain(pairOf(answer).refresh);
  }
});

// cases 54, 83
test("a refresh gives a new pair in a cookie of the same attributes, and spends the old token", async () => {
  await using shop = await startApp({ worker: false });
  const first = await logInAnew(shop);
  const answer = await refresh(shop, first.refresh);
  expect(answer.body).toMatchObject({ token_type: "bearer", expires_in: 900 });
  expect(cookiesOf(answer)).toEqual([expect.stringMatching(SET)]);
  const second = pairOf(answer);
  expect([second.access === first.access, second.refresh === first.refresh]).toEqual([false, false]);
  expect(await statusOf(shop, second.access)).toBe(200);
  await graceOver(shop);
  expect((await refresh(shop, first.refresh)).statusCode).toBe(401);
});

// cases 55, 62
test("a token that is sent again after the grace ends its session with all of its tokens, and nobody else's", async () => {
  await using shop = await startApp({ worker: false });
  const [first, other] = [await logInAnew(shop), await logInAnew(shop)];
  const second = pairOf(await refresh(shop, first.refresh));
  await graceOver(shop);
  const reuse = await refresh(shop, first.refresh);
  expect([reuse.statusCode, reuse.body["code"], cookiesOf(reuse)]).toEqual([401, "auth.refresh_refused", [CLEARED]]);
  expect(reuse.headers["www-authenticate"]).toContain("Bearer");
  expect(await statusOf(shop, first.access)).toBe(401);
  expect(await statusOf(shop, second.access)).toBe(401);
  expect((await refresh(shop, second.refresh)).statusCode).toBe(401);
  expect(await audited(shop, "session.refresh_reused")).toMatchObject([
    { correlation_id: reuse.body["correlation_id"] },
  ]);
  expect(await reasons(shop)).toEqual(["refresh_reuse"]);
  expect(await statusOf(shop, other.access)).toBe(200);
  expect((await refresh(shop, other.refresh)).statusCode).toBe(200);
});

// cases 56, 57
test("fifty refreshes of one token at once get the same one successor, and the session lives", async () => {
  await using shop = await startApp({ worker: false });
  const first = await logInAnew(shop);
  // With all connections open before: else the first is done before the second has one, and nothing was at once.
  await Promise.all(Array.from({ length: 20 }, () => shop.anonymous.get("/api/v1/items")));
  const answers = await Promise.all(Array.from({ length: 50 }, () => served(() => refresh(shop, first.refresh))));
  expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([200]));
  const successors = new Set(answers.map((answer) => pairOf(answer).refresh));
  expect(successors.size).toBe(1);
  expect(await tokens(shop)).toEqual({ all: 2, unspent: 1 });
  for (const answer of answers) expect(await statusOf(shop, pairOf(answer).access)).toBe(200);
  const [successor = ""] = successors;
  expect((await refresh(shop, successor)).statusCode).toBe(200);
});

// case 58
test("without a grace, of two at once one is served and the session ends: whoever was first, was not alone", async () => {
  await using shop = await startApp({ worker: false, env: { REFRESH_GRACE_SECONDS: "0" } });
  const first = await logInAnew(shop);
  const answers = await Promise.all([refresh(shop, first.refresh), refresh(shop, first.refresh)]);
  expect(answers.map((answer) => answer.statusCode).toSorted()).toEqual([200, 401]);
  const good = answers.filter((answer) => answer.statusCode === 200).map(pairOf);
  for (const pair of good) {
    expect(await statusOf(shop, pair.access)).toBe(401);
    expect((await refresh(shop, pair.refresh)).statusCode).toBe(401);
  }
  expect(await reasons(shop)).toEqual(["refresh_reuse"]);
});

// case 59
test("whoever lost the answer gets the same successor again within the grace", async () => {
  await using shop = await startApp({ worker: false });
  const first = await logInAnew(shop);
  const lost = pairOf(await refresh(shop, first.refresh));
  const again = await refresh(shop, first.refresh);
  expect(pairOf(again).refresh).toBe(lost.refresh);
  expect(cookiesOf(again)).toEqual([expect.stringMatching(SET)]);
  expect((await refresh(shop, lost.refresh)).statusCode).toBe(200);
});

// case 60
test("within the grace, too, a token ends its session once its successor was used", async () => {
  await using shop = await startApp({ worker: false });
  const first = await logInAnew(shop);
  const second = pairOf(await refresh(shop, first.refresh));
  const third = pairOf(await refresh(shop, second.refresh));
  expect((await refresh(shop, first.refresh)).statusCode).toBe(401);
  expect(await statusOf(shop, third.access)).toBe(401);
  expect((await refresh(shop, third.refresh)).statusCode).toBe(401);
});

// cases 43, 61
test("what is no token of ours is refused, and ends nobody's session", async () => {
  await using shop = await startApp({ worker: false });
  const { refresh: good, access } = await logInAnew(shop);
  const last = good.at(-1) === "A" ? "B" : "A";
  const bad = [
    good.slice(0, -1),
    good.slice(0, -1) + last,
    `${good}=`,
    good.toLowerCase(),
    access,
    "",
    "x",
    "%00",
    "a;b",
  ];
  for (const token of [...bad, "A".repeat(43), "é".repeat(43), "A".repeat(4_000)]) {
    const answer = await refresh(shop, token);
    expect([token, answer.statusCode, answer.body["code"]]).toEqual([token, 401, "auth.refresh_refused"]);
  }
  expect((await shop.anonymous.post("/api/v1/auth/refresh")).statusCode).toBe(401);
  expect(await reasons(shop)).toEqual([]);
  expect(await statusOf(shop, good)).toBe(401);
  expect((await refresh(shop, good)).statusCode).toBe(200);
});

// case 63
test("a session that was not used for two weeks is over", async () => {
  await using shop = await startApp({ worker: false });
  const { refresh: token } = await logInAnew(shop);
  await later(shop, { days: IDLE_DAYS - 1 });
  const renewed = pairOf(await refresh(shop, token));
  await later(shop, { days: IDLE_DAYS, minutes: 1 });
  expect((await refresh(shop, renewed.refresh)).statusCode).toBe(401);
  expect(await statusOf(shop, renewed.access)).toBe(200);
});

// case 64
test("a session ends after thirty days however often it is renewed", async () => {
  await using shop = await startApp({ worker: false });
  let { refresh: token } = await logInAnew(shop);
  for (const _turn of [1, 2, 3]) {
    await later(shop, { days: 9, hours: 23 });
    token = pairOf(await refresh(shop, token)).refresh;
  }
  const last = await refresh(shop, token);
  const hoursLeft = (refreshCookieOf(last)?.maxAge ?? 0) / 3_600;
  expect([hoursLeft > 2, hoursLeft <= 75]).toEqual([true, true]);
  await later(shop, { days: 0, hours: 3 + 72 });
  const { access, refresh: over } = pairOf(last);
  expect((await refresh(shop, over)).statusCode).toBe(401);
  await until(async () => (await statusOf(shop, access)) === 401);
  expect(await reasons(shop)).toEqual([]);
});

// case 66
test("the database holds no token that could be sent, only hashes", async () => {
  await using shop = await startApp({ worker: false });
  const first = await logInAnew(shop);
  const second = pairOf(await refresh(shop, first.refresh));
  const rows = await shop.db.selectFrom("refresh_tokens").selectAll().execute();
  const hashes = rows.map((row) => row.hash.toString("hex"));
  const expected = [first, second].map(({ refresh: token }) => createHash("sha256").update(token).digest("hex"));
  expect(hashes.toSorted()).toEqual(expected.toSorted());
  const stored = JSON.stringify([rows, await shop.db.selectFrom("sessions").selectAll().execute()]);
  expect([first.refresh, second.refresh, second.access].filter((token) => stored.includes(token))).toEqual([]);
});

test("with another TOKEN_SECRET a lost answer can't be told again: refused, and the session goes on", async () => {
  await using shop = await startApp({ worker: false });
  const first = await logInAnew(shop);
  const second = pairOf(await refresh(shop, first.refresh));
  const secret = shop.context.tokenSecret;
  shop.context.tokenSecret = "another secret of at least thirty-two characters";
  const again = await refresh(shop, first.refresh);
  expect([again.statusCode, cookiesOf(again)]).toEqual([401, []]);
  expect(await statusOf(shop, second.access)).toBe(200);
  expect((await refresh(shop, second.refresh)).statusCode).toBe(200);
  shop.context.tokenSecret = secret;
});

test("a disabled account can't refresh", async () => {
  await using shop = await startApp({ worker: false });
  const { refresh: token } = await logInAnew(shop);
  await shop.db.updateTable("users").set({ status: "disabled" }).execute();
  expect((await refresh(shop, token)).statusCode).toBe(401);
});

// case 30
test("a login opens another session and closes the one that the client had", async () => {
  await using shop = await startApp({ worker: false });
  const first = await logInAnew(shop, "ann@example.com");
  const elsewhere = pairOf(await logIn(shop, "ann@example.com"));
  const second = pairOf(await logIn(shop, "ann@example.com", withCookie(first.refresh)));
  expect(sessionOf(second)).not.toBe(sessionOf(first));
  expect(await statusOf(shop, first.access)).toBe(401);
  expect((await refresh(shop, first.refresh)).statusCode).toBe(401);
  for (const pair of [second, elsewhere]) expect(await statusOf(shop, pair.access)).toBe(200);
  expect(await reasons(shop)).toEqual(["login"]);
});

// cases 65, 81: the race behind them
test("a login that is overtaken by a change of the password opens no session", async () => {
  await using shop = await startApp({ worker: false });
  await logInAnew(shop, "ann@example.com");
  const { password_hash } = await shop.db.selectFrom("users").select("password_hash").executeTakeFirstOrThrow();
  const changed = await shop.context.passwords.hash("another password altogether");
  const answer = await shop.db.transaction().execute(async (trx) => {
    await trx.updateTable("users").set({ password_hash: changed }).execute();
    const login = logIn(shop, "ann@example.com");
    await until(async () => (await waiting(shop)) > 0);
    return { login };
  });
  expect((await answer.login).statusCode).toBe(401);
  expect(password_hash).not.toBe(changed);
  expect(await count(shop, "sessions")).toBe(1);
});

test("what ended long ago is swept, and a spent token once it would be no good anyway", async () => {
  await using shop = await startApp({ worker: false });
  const [old, live] = [await logInAnew(shop), await logInAnew(shop)];
  await shop.anonymous.post("/api/v1/auth/logout", undefined, byToken(old));
  const renewed = pairOf(await refresh(shop, live.refresh));
  await shop.db
    .updateTable("sessions")
    .set({ revoked_at: sql`now() - interval '31 days'` })
    .where("id", "=", sessionOf(old))
    .execute();
  await shop.db
    .updateTable("refresh_tokens")
    .set({ expires_at: sql`now() - interval '1 second'` })
    .where("spent_at", "is not", null)
    .execute();
  await shop.runSchedule("platform.sweep");
  expect([await count(shop, "sessions"), (await tokens(shop)).all]).toEqual([1, 1]);
  expect(await statusOf(shop, renewed.access)).toBe(200);
  expect((await refresh(shop, renewed.refresh)).statusCode).toBe(200);
});

/** Lets the time that a spent token may be sent again pass. */
async function graceOver(shop: TestApp): Promise<void> {
  await later(shop, { days: 0, seconds: 11 });
}

/** Moves everything that sessions remember into the past by so much. */
async function later(
  shop: TestApp,
  time: { days: number; hours?: number; minutes?: number; seconds?: number },
): Promise<void> {
  const { days, hours = 0, minutes = 0, seconds = 0 } = time;
  const by = sql`make_interval(days => ${days}::int, hours => ${hours}::int, mins => ${minutes}::int, secs => ${seconds})`;
  await sql`UPDATE refresh_tokens SET expires_at = expires_at - ${by}, spent_at = spent_at - ${by}`.execute(shop.db);
  await sql`UPDATE sessions SET expires_at = expires_at - ${by}, created_at = created_at - ${by}`.execute(shop.db);
}

async function count(shop: TestApp, table: "sessions"): Promise<number> {
  return (await shop.db.selectFrom(table).select("id").execute()).length;
}

/** How many statements of this database wait for a lock. */
async function waiting(shop: TestApp): Promise<number> {
  const { rows } = await sql<{ n: number }>`SELECT count(*)::int AS n FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'`.execute(shop.db);
  return rows[0]?.n ?? 0;
}
