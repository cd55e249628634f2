import { sql } from "kysely";
import { expect, test } from "vitest";
import type { Db } from "#src/platform/database/database.ts";
import { startApp } from "#test/app.ts";
import { PASSWORD } from "#test/operations.ts";
import {
  audited,
  byBoth,
  byCookie,
  byToken,
  cookiesOf,
  logIn,
  logInAnew,
  type Pair,
  pairOf,
  reasons,
  refresh,
  sessionOf,
  statusOf,
  withCookie,
  withToken,
} from "#test/sessions.ts";
import { until } from "#test/until.ts";
import { createAuthenticator } from "./authenticate.ts";

const CLEARED = "__Host-rt=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Strict";

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

test("a refresh token that is spent ends no other session", async () => {
  await using shop = await startApp({ worker: false });
  const phone = await logInAnew(shop, "ann@example.com");
  const laptop = pairOf(await logIn(shop, "ann@example.com"));
  await refresh(shop, phone.refresh);
  const answer = await shop.anonymous.post("/api/v1/auth/logout-all", undefined, byCookie(phone));
  expect(answer.statusCode).toBe(401);
  expect(await statusOf(shop, laptop.access)).toBe(200);
});

test("a refresh token that is too old ends no other session; once nothing is left to end, it is no mistake", async () => {
  await using shop = await startApp({ worker: false });
  const phone = await logInAnew(shop, "ann@example.com");
  await shop.db
    .updateTable("refresh_tokens")
    .set({ expires_at: sql`now() - interval '1 second'` })
    .execute();
  const laptop = pairOf(await logIn(shop, "ann@example.com"));
  const leaveAll = async () =>
    (await shop.anonymous.post("/api/v1/auth/logout-all", undefined, byCookie(phone))).statusCode;
  expect(await leaveAll()).toBe(401);
  expect(await statusOf(shop, laptop.access)).toBe(200);
  await shop.anonymous.post("/api/v1/auth/logout", undefined, byToken(laptop));
  expect(await leaveAll()).toBe(204);
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

// case 69: a slow look at the database must not bring back what was revoked meanwhile
test("a look that began before the logout and ends after it lets nobody in afterwards", async () => {
  await using shop = await startApp({ worker: false });
  const pair = await logInAnew(shop);
  const looks: PromiseWithResolvers<void>[] = [];
  // The answer is the database's own; only its way back takes as long as the test wants.
  const executeQuery: typeof shop.db.executeQuery = async (query) => {
    const look = Promise.withResolvers<void>();
    const answer = await shop.db.executeQuery(query);
    looks.push(look);
    await look.promise;
    return answer;
  };
  const { tokens, revocations } = shop.context;
  const authenticate = createAuthenticator({ db: { executeQuery } as Db, tokens, revocations });
  const before = authenticate(pair.access);
  await until(() => looks.length === 1);
  expect((await shop.anonymous.post("/api/v1/auth/logout", undefined, byToken(pair))).statusCode).toBe(204);
  looks[0]?.resolve();
  expect(await before).toMatchObject({ session_id: sessionOf(pair) });
  const after = authenticate(pair.access);
  await until(() => looks.length === 2);
  looks[1]?.resolve();
  expect(await after).toBeUndefined();
});
