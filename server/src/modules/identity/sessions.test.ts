import { createHash } from "node:crypto";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { PASSWORD } from "#test/operations.ts";
import {
  cookiesOf,
  logIn,
  logInAnew,
  type Pair,
  pairOf,
  refresh,
  refreshCookieOf,
  statusOf,
  withCookie,
  withToken,
} from "#test/sessions.ts";
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
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(shop, first.refresh)));
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
  const served = answers.filter((answer) => answer.statusCode === 200).map(pairOf);
  for (const pair of served) {
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
    expect([answer.statusCode, answer.body["code"]], token).toEqual([401, "auth.refresh_refused"]);
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

// case 70
test("logging out twice is as good as once, with the access token, the cookie, or both", async () => {
  await using shop = await startApp({ worker: false });
  for (const headersOf of [byToken, byCookie, byBoth]) {
    const pair = await logInAnew(shop);
    const other = await logInAnew(shop);
    for (const _turn of [1, 2]) {
      const answer = await shop.anonymous.post("/api/v1/auth/logout", undefined, headersOf(pair));
      expect([answer.statusCode, cookiesOf(answer)]).toEqual([204, [CLEARED]]);
    }
    expect(await statusOf(shop, pair.access)).toBe(401);
    expect((await refresh(shop, pair.refresh)).statusCode).toBe(401);
    expect(await statusOf(shop, other.access)).toBe(200);
  }
  expect(await reasons(shop)).toEqual(["logout", "logout", "logout"]);
  expect(await audited(shop, "session.closed")).toHaveLength(3);
});

test("who has neither token nor cookie can't log out, nor with what is forged", async () => {
  await using shop = await startApp({ worker: false });
  const { access } = await logInAnew(shop);
  const forged = { ...withToken(`${access.slice(0, -10)}AAAAAAAAAA`), ...withCookie("A".repeat(43)) };
  for (const url of ["/api/v1/auth/logout", "/api/v1/auth/logout-all"]) {
    for (const headers of [{}, forged]) {
      const answer = await shop.anonymous.post(url, undefined, headers);
      expect([answer.statusCode, answer.headers["www-authenticate"]]).toEqual([401, expect.stringContaining("Bearer")]);
    }
  }
  expect(await statusOf(shop, access)).toBe(200);
});

// case 71
test("logging out everywhere ends every session of the account, and nobody else's", async () => {
  await using shop = await startApp({ worker: false });
  const other = await logInAnew(shop);
  for (const headersOf of [byToken, byCookie]) {
    const phone = await logInAnew(shop, "ann@example.com");
    const laptop = pairOf(await logIn(shop, "ann@example.com"));
    for (const _turn of [1, 2]) {
      const answer = await shop.anonymous.post("/api/v1/auth/logout-all", undefined, headersOf(laptop));
      expect([answer.statusCode, cookiesOf(answer)]).toEqual([204, [CLEARED]]);
    }
    for (const pair of [phone, laptop]) {
      expect(await statusOf(shop, pair.access)).toBe(401);
      expect((await refresh(shop, pair.refresh)).statusCode).toBe(401);
    }
  }
  expect(await statusOf(shop, other.access)).toBe(200);
});

test("the tokens of a revoked device can't throw its owner out everywhere", async () => {
  await using shop = await startApp({ worker: false });
  const lost = await logInAnew(shop, "ann@example.com");
  const laptop = pairOf(await logIn(shop, "ann@example.com"));
  await shop.anonymous.delete(`/api/v1/users/me/sessions/${sessionOf(lost)}`, undefined, withToken(laptop.access));
  expect((await shop.anonymous.post("/api/v1/auth/logout-all", undefined, byBoth(lost))).statusCode).toBe(401);
  expect(await statusOf(shop, laptop.access)).toBe(200);
});

// case 74
test("the list of sessions tells device, address and times of one's own, and no secret", async () => {
  await using shop = await startApp({ worker: false });
  await logInAnew(shop);
  await shop.anonymous.post("/api/v1/users/register", {
    email: "ann@example.com",
    password: PASSWORD,
    full_name: "Ann",
  });
  const phone = pairOf(await logIn(shop, "ann@example.com", { "user-agent": "Phone/1" }));
  const laptop = pairOf(await logIn(shop, "ann@example.com", { "user-agent": "Laptop/1" }));
  await refresh(shop, phone.refresh, { "user-agent": "Phone/2" });
  const { body } = await shop.anonymous.get("/api/v1/users/me/sessions", undefined, withToken(laptop.access));
  expect(body).toMatchObject({ total: 2, next_cursor: null });
  expect(body["data"]).toMatchObject([
    { id: sessionOf(phone), user_agent: "Phone/2", address: "127.0.0.1", current: false },
    { id: sessionOf(laptop), user_agent: "Laptop/1", address: "127.0.0.1", current: true },
  ]);
  const fields = ["address", "created_at", "current", "expires_at", "id", "last_used_at", "user_agent"];
  for (const row of body["data"] as object[]) expect(Object.keys(row).toSorted()).toEqual(fields);
  const first = await shop.anonymous.get(
    "/api/v1/users/me/sessions?limit=1&sort=id",
    undefined,
    withToken(laptop.access),
  );
  const next = `/api/v1/users/me/sessions?sort=id&cursor=${String(first.body["next_cursor"])}`;
  const second = await shop.anonymous.get(next, undefined, withToken(laptop.access));
  const pages = [first, second].flatMap((page) => (page.body["data"] as { id: string }[]).map(({ id }) => id));
  expect(pages).toEqual([sessionOf(phone), sessionOf(laptop)].toSorted());
});

// case 75
test("one's own session can be ended; another's looks like one that does not exist", async () => {
  await using shop = await startApp({ worker: false });
  const [ann, bob] = [await logInAnew(shop), await logInAnew(shop)];
  const end = (id: string, pair: Pair) =>
    shop.anonymous.delete(`/api/v1/users/me/sessions/${id}`, undefined, {
      ...withToken(pair.access),
      "x-correlation-id": "the-same",
    });
  const [foreign, unknown] = [await end(sessionOf(bob), ann), await end(crypto.randomUUID(), ann)];
  expect([foreign.statusCode, foreign.body]).toEqual([404, unknown.body]);
  expect((await end("1", ann)).statusCode).toBe(404);
  expect(await statusOf(shop, bob.access)).toBe(200);
  const own = await end(sessionOf(bob).toUpperCase(), bob);
  expect([own.statusCode, cookiesOf(own)]).toEqual([204, [CLEARED]]);
  expect(await statusOf(shop, bob.access)).toBe(401);
  expect(await audited(shop, "session.revoked")).toHaveLength(1);
});

// case 82
test("what a browser sends for another site's page is refused before anything is done", async () => {
  await using shop = await startApp({ worker: false, env: { PUBLIC_URL: "https://shop.example" } });
  const pair = await logInAnew(shop);
  const foreign: Record<string, string>[] = [
    { "sec-fetch-site": "cross-site" },
    { "sec-fetch-site": "same-site" },
    { "sec-fetch-site": "anything" },
    { "sec-fetch-site": "cross-site", origin: "https://shop.example" },
    { origin: "https://evil.example" },
    { origin: "https://shop.example.evil.example" },
    { origin: "http://shop.example", host: "shop.example" },
    { origin: "null" },
    { origin: "" },
  ];
  for (const url of ["refresh", "logout", "logout-all"]) {
    for (const headers of foreign) {
      const answer = await shop.anonymous.post(`/api/v1/auth/${url}`, undefined, { ...byBoth(pair), ...headers });
      expect([answer.statusCode, answer.body["code"], cookiesOf(answer)]).toEqual([403, "request.cross_site", []]);
    }
    const text = await shop.app.inject({
      method: "POST",
      url: `/api/v1/auth/${url}`,
      headers: { ...byBoth(pair), "content-type": "text/plain" },
      payload: "{}",
    });
    expect(text.statusCode).toBe(415);
    expect((await shop.anonymous.get(`/api/v1/auth/${url}`, undefined, byBoth(pair))).statusCode).toBe(405);
  }
  expect(await statusOf(shop, pair.access)).toBe(200);
  expect(await tokens(shop)).toEqual({ all: 1, unspent: 1 });
});

// case 82
test("our own pages, and what is no browser, are let in", async () => {
  await using shop = await startApp({ worker: false, env: { PUBLIC_URL: "https://shop.example" } });
  let { refresh: token } = await logInAnew(shop);
  const own: Record<string, string>[] = [
    {},
    { "sec-fetch-site": "same-origin", origin: "https://shop.example" },
    { "sec-fetch-site": "none" },
    { origin: "https://shop.example" },
    { origin: "http://localhost:80", host: "localhost:80" },
    { origin: "http://localhost:5173", host: "LOCALHOST:5173" },
  ];
  for (const headers of own) token = pairOf(await refresh(shop, token, headers)).refresh;
});

// case 82
test("a form of another site can't log its visitor in to an account that is not his", async () => {
  await using shop = await startApp({ worker: false });
  await logInAnew(shop, "ann@example.com");
  const answer = await shop.anonymous.post(
    "/api/v1/auth/login/access-token",
    new URLSearchParams({ username: "ann@example.com", password: PASSWORD }).toString(),
    { "content-type": "application/x-www-form-urlencoded", origin: "https://evil.example" },
  );
  expect([answer.statusCode, cookiesOf(answer)]).toEqual([403, []]);
});

// case 83
test("no origin is told that it may read an answer", async () => {
  await using shop = await startApp({ worker: false });
  const { refresh: token } = await logInAnew(shop);
  const asked = { origin: "https://evil.example", "access-control-request-method": "POST" };
  const preflight = await shop.app.inject({ method: "OPTIONS", url: "/api/v1/auth/refresh", headers: asked });
  const answers = [
    preflight,
    await refresh(shop, token, asked),
    await shop.anonymous.get("/api/v1/items", undefined, asked),
  ];
  const names = answers.flatMap((answer) => Object.keys(answer.headers));
  expect(names.filter((name) => name.startsWith("access-control"))).toEqual([]);
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
  await using _worker = await shop.startWorker();
  await until(async () => (await count(shop, "sessions")) === 1 && (await tokens(shop)).all === 1);
  expect(await statusOf(shop, renewed.access)).toBe(200);
  expect((await refresh(shop, renewed.refresh)).statusCode).toBe(200);
});

function byToken(pair: Pair) {
  return withToken(pair.access);
}

function byCookie(pair: Pair) {
  return withCookie(pair.refresh);
}

function byBoth(pair: Pair) {
  return { ...byToken(pair), ...byCookie(pair) };
}

function sessionOf({ access }: Pair): string {
  const [, payload = ""] = access.split(".");
  return (JSON.parse(Buffer.from(payload, "base64url").toString()) as { sid: string }).sid;
}

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

async function audited(shop: TestApp, action: string) {
  return await shop.db.selectFrom("audit_log").selectAll().where("action", "=", action).execute();
}

async function reasons(shop: TestApp) {
  const rows = await shop.db
    .selectFrom("sessions")
    .select("revoked_reason")
    .where("revoked_at", "is not", null)
    .execute();
  return rows.map((row) => row.revoked_reason);
}

async function tokens(shop: TestApp): Promise<{ all: number; unspent: number }> {
  const rows = await shop.db.selectFrom("refresh_tokens").select("spent_at").execute();
  return { all: rows.length, unspent: rows.filter((row) => row.spent_at === null).length };
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
