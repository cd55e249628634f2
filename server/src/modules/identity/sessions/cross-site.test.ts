import { expect, test } from "vitest";
import { startApp } from "#test/app.ts";
import { PASSWORD } from "#test/operations.ts";
import { byBoth, cookiesOf, logInAnew, pairOf, refresh, statusOf, tokens } from "#test/sessions.ts";

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
  for (const headers of own) {
    const answer = await refresh(shop, token, headers);
    expect([headers, answer.statusCode]).toEqual([headers, 200]);
    token = pairOf(answer).refresh;
  }
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
