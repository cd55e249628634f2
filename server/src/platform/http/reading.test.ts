import { expect, test } from "vitest";
import type { Reading } from "#src/platform/cache/cache.ts";
import { startEdge } from "#test/edge.ts";
import { versionedBody } from "./etag.ts";
import { problem } from "./problem.ts";
import { sendReading } from "./reading.ts";

const noThing = problem("thing.not_found", 404, "There is no such thing");
const body = versionedBody('{"id":1}', 3);
const large = versionedBody(JSON.stringify({ text: "ä".repeat(20_000) }), 1);
const READINGS: Record<string, () => Reading | Promise<Reading>> = {
  "/held": () => ({ body }),
  "/loaded": async () => await Promise.resolve({ body }),
  "/large": () => ({ body: large }),
  "/old": () => ({ body, staleMs: 12_900 }),
  "/none": () => ({ body: undefined }),
  "/out-of-reach": async () => await Promise.reject(Object.assign(new Error("connect"), { code: "ECONNREFUSED" })),
};

const start = () =>
  startEdge({}, (app) => {
    for (const [url, reading] of Object.entries(READINGS)) {
      app.get(url, { config: { permission: "service.read" } }, (request, reply) =>
        sendReading(request, reply, reading(), noThing),
      );
    }
  });

test("a body is sent byte for byte with its tag, whether it was held or had to be loaded, small or large", async () => {
  await using edge = await start();
  for (const [url, sent] of [
    ["/held", body],
    ["/loaded", body],
    ["/large", large],
  ] as const) {
    const { statusCode, headers, rawPayload } = await edge.app.inject(url);
    expect([url, statusCode, headers.etag]).toEqual([url, 200, sent.etag]);
    expect([headers["content-type"], headers["cache-control"]]).toEqual([
      "application/json; charset=utf-8",
      "no-cache",
    ]);
    expect(Number(headers["content-length"])).toBe(sent.bytes.length);
    expect(rawPayload.equals(sent.bytes)).toBe(true);
  }
});

test("who has the body already gets 304", async () => {
  await using edge = await start();
  const { statusCode, payload } = await edge.app.inject({ url: "/held", headers: { "if-none-match": body.etag } });
  expect([statusCode, payload]).toEqual([304, ""]);
});

test("a body that stands in while the database is away says how old it is; a current one says nothing", async () => {
  await using edge = await start();
  const old = await edge.app.inject("/old");
  expect([old.statusCode, old.headers["age"], old.headers["warning"]]).toEqual([
    200,
    "12",
    '110 - "Response is Stale"',
  ]);
  const { headers } = await edge.app.inject("/held");
  expect([headers["age"], headers["warning"]]).toEqual([undefined, undefined]);
});

test("what is not there is the problem of its kind, and a database that is away is 503", async () => {
  await using edge = await start();
  expect((await edge.app.inject("/none")).json()).toMatchObject({ status: 404, code: "thing.not_found" });
  expect((await edge.app.inject("/out-of-reach")).json()).toMatchObject({ status: 503, code: "service.unavailable" });
});
