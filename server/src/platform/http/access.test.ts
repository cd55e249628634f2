import { expect, test } from "vitest";
import { type Edge, startEdge } from "#test/edge.ts";

const as = (token: string) => ({ authorization: `Bearer ${token}` });

async function status(edge: Edge, url: string, headers: Record<string, string> = {}): Promise<number> {
  return (await edge.app.inject({ url, headers })).statusCode;
}

test("each role may do what it may, and no more", async () => {
  await using edge = await startEdge();
  const may = async (url: string) =>
    await Promise.all(["customer", "staff", "admin"].map((token) => status(edge, url, as(token))));
  expect(await may("/staff")).toEqual([403, 200, 200]);
  expect(await may("/admin")).toEqual([403, 403, 200]);
});

test("without a token the answer is 401 and a challenge; with a bad one, the challenge says so", async () => {
  await using edge = await startEdge();
  const none = await edge.app.inject({ url: "/staff" });
  expect([none.statusCode, none.headers["www-authenticate"]]).toEqual([401, 'Bearer realm="shopfloor"']);
  for (const authorization of [
    "Bearer wrong",
    "Bearer",
    "Basic YTpi",
    "Bearer a b",
    "staff",
    "Bearer staff, Bearer staff",
  ]) {
    const bad = await edge.app.inject({ url: "/staff", headers: { authorization } });
    expect([authorization, bad.statusCode, bad.headers["www-authenticate"]]).toEqual([
      authorization,
      401,
      'Bearer realm="shopfloor", error="invalid_token"',
    ]);
  }
});

test("the scheme's name is read in any case, a token in the query is not read at all", async () => {
  await using edge = await startEdge();
  expect(await status(edge, "/staff", { authorization: "bEARER staff" })).toBe(200);
  expect(await status(edge, "/staff?access_token=staff")).toBe(401);
});

test("where anyone may in, a good token says who it is and a bad one is ignored", async () => {
  await using edge = await startEdge();
  const seen = async (headers: Record<string, string>) => {
    const answer = await edge.app.inject({ url: "/api/v1/things", headers });
    return answer.json<{ user_id: number | null }>().user_id;
  };
  expect(await seen(as("customer"))).toBe(7);
  expect(await seen(as("wrong"))).toBeNull();
  expect(await seen({})).toBeNull();
});

test("when tokens can't be looked up nobody gets in, and public things stay public", async () => {
  await using edge = await startEdge();
  expect(await status(edge, "/staff", as("offline"))).toBe(503);
  expect(await status(edge, "/api/v1/things", as("offline"))).toBe(200);
});

test("who may not in learns nothing about the input", async () => {
  await using edge = await startEdge();
  const answer = await edge.app.inject({ method: "PUT", url: "/api/v1/things/abc", payload: { nonsense: 1 } });
  expect(answer.statusCode).toBe(401);
});

test("a route that does not say who may use it stops the start", async () => {
  const start = startEdge({}, (app) => app.get("/forgotten", async (_request, reply) => reply.send({})));
  await expect(start).rejects.toThrow("GET /forgotten: config.permission is missing");
});
