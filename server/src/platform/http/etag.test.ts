import { expect, test } from "vitest";
import { type Edge, startEdge } from "#test/edge.ts";
import { checkIfMatch, sendVersioned } from "./etag.ts";
import { IdParams } from "./schemas.ts";

async function start(state: { version: number; available: number }): Promise<Edge> {
  return await startEdge({}, (app) => {
    const options = { config: { permission: "service.read" }, schema: { params: IdParams } } as const;
    app.get("/kettles/:id", options, async (request, reply) => sendVersioned(request, reply, state));
    app.delete("/kettles/:id", options, async (request, reply) => {
      checkIfMatch(request, state.version);
      return reply.code(204).send();
    });
  });
}

const url = "/kettles/1";

test("a reader who has the current body is answered 304 without one", async () => {
  await using edge = await start({ version: 3, available: 5 });
  const first = await edge.app.inject({ url });
  const etag = String(first.headers["etag"]);
  expect(etag).toMatch(/^"3-[\w-]{16}"$/);
  for (const known of [etag, `W/${etag}`, `"x", ${etag}`, "*"]) {
    const again = await edge.app.inject({ url, headers: { "if-none-match": known } });
    expect([known, again.statusCode, again.body, again.headers["etag"]]).toEqual([known, 304, "", etag]);
  }
  for (const other of ['"3-0000000000000000"', '"3"', "nonsense"]) {
    expect((await edge.app.inject({ url, headers: { "if-none-match": other } })).statusCode).toBe(200);
  }
});

test("the tag changes with the body, also when the version does not", async () => {
  const state = { version: 3, available: 5 };
  await using edge = await start(state);
  const before = (await edge.app.inject({ url })).headers["etag"];
  state.available = 4;
  expect((await edge.app.inject({ url, headers: { "if-none-match": String(before) } })).statusCode).toBe(200);
});

test("a change on top of the current version goes through, on top of an old one it is 412", async () => {
  await using edge = await start({ version: 3, available: 5 });
  const change = async (ifMatch?: string) => {
    const headers = ifMatch === undefined ? {} : { "if-match": ifMatch };
    return (await edge.app.inject({ method: "DELETE", url, headers })).statusCode;
  };
  expect(await change()).toBe(204);
  expect(await change("*")).toBe(204);
  expect(await change('"3-abc"')).toBe(204);
  expect(await change('"2-abc", "3-def"')).toBe(204);
  expect(await change('"2-abc"')).toBe(412);
  expect(await change('"33-abc"')).toBe(412);
  // A weak tag says "about the same", which is not enough to overwrite something (RFC 9110, 13.1.1).
  expect(await change('W/"3-abc"')).toBe(412);
  expect(await change("3")).toBe(400);
  expect(await change('"3-abc')).toBe(400);
});
