import { expect, test } from "vitest";
import { hasRedis, startRedis } from "#test/redis-server.ts";
import { until } from "#test/until.ts";
import { figure } from "./figure.ts";
import { startPostgres } from "./postgres.ts";
import { startService } from "./service-process.ts";
import { call, type Reply, type Shopper, signUp } from "./shopper.ts";

const READERS = 50;
const TEST_WITHIN_MS = 120_000;
const STALE = '110 - "Response is Stale"';
const redisNeeded = hasRedis ? "" : " (scripts/services/start redis brings it)";

test(
  "the cache in memory: items stand in while PostgreSQL is killed or frozen, and say so",
  () => expectStandIns("memory"),
  TEST_WITHIN_MS,
);
test.skipIf(!hasRedis)(
  `the cache in Redis${redisNeeded}: items stand in while PostgreSQL is killed or frozen, and say so`,
  () => expectStandIns("redis"),
  TEST_WITHIN_MS,
);

async function expectStandIns(cache: "memory" | "redis"): Promise<void> {
  await using postgres = await startPostgres();
  await using redis = cache === "redis" ? await startRedis() : undefined;
  const env = redis === undefined ? {} : { CACHE: "redis", REDIS_URL: redis.url };
  await using api = await startService("api", { databaseUrl: postgres.url, env });
  const owner = await signUp(api.url, postgres.url);
  const [known, unread] = [await addItem(owner, "Kettle"), await addItem(owner, "Pan")];
  const get = (path: string, headers = {}) => call(`${api.url}${path}`, "GET", { headers });
  const warmed = await warm(get, known);

  await postgres.kill();
  const stale = await until(async () => {
    const reply = await get(known);
    expect({ status: reply.status, body: reply.body }).toEqual({ status: 200, body: warmed.body });
    return reply.headers["warning"] === STALE && reply;
  });
  expect(stale.headers["etag"]).toBe(warmed.headers["etag"]);
  expect(Number(stale.headers["age"])).toBeLessThanOrEqual(60);
  const crowd = await Promise.all(Array.from({ length: READERS }, () => get(known)));
  expect(crowd.map(({ status, headers }) => [status, headers["warning"]])).toEqual(crowd.map(() => [200, STALE]));
  const unchanged = await get(known, { "if-none-match": warmed.headers["etag"] });
  expect([unchanged.status, unchanged.headers["warning"]]).toEqual([304, STALE]);
  // Only what was cached can stand in; and never for a list, for stock, or for a write.
  const others = [unread, "/api/v1/items", "/api/v2/products/1", "/api/v1/search/items", "/readyz"];
  expect(await Promise.all(others.map(async (path) => (await get(path)).status))).toEqual(others.map(() => 503));
  expect((await owner.send("PATCH", known, { body: { title: "Never" } })).status).toBe(503);
  await postgres.start();
  await expectCurrent(get, owner, known);

  await warm(get, known);
  await postgres.freeze();
  const frozen = await until(async () => {
    const reply = await get(known);
    expect(reply.status).toBe(200);
    return reply.headers["warning"] === STALE && reply;
  });
  await postgres.thaw();
  await expectCurrent(get, owner, known);
  figure(
    `${cache}: PostgreSQL killed, ${READERS} readers, the slowest after ${slowest(crowd)} ms; frozen: ${Math.round(frozen.ms)} ms`,
  );
}

type Get = (path: string) => Promise<Reply>;

async function addItem(owner: Shopper, title: string): Promise<string> {
  const { status, headers } = await owner.send("POST", "/api/v1/items", { body: { title } });
  expect(status).toBe(201);
  return headers["location"] ?? "";
}

/** Reads until the answer comes out of the cache. */
async function warm(get: Get, path: string): Promise<Reply> {
  const hits = async () => Number(/cache_reads_total\{outcome="hit"\} (\d+)/.exec((await get("/metrics")).body)?.[1]);
  const before = await hits();
  return await until(async () => {
    const reply = await get(path);
    return reply.status === 200 && (await hits()) > before && reply;
  });
}

/** With PostgreSQL back a change is written, and shown to whoever asks after its answer. */
async function expectCurrent(get: Get, owner: Shopper, path: string): Promise<void> {
  const title = `Kettle ${performance.now()}`;
  await until(async () => (await owner.send("PATCH", path, { body: { title } })).status === 200);
  const { status, headers, body } = await get(path);
  expect([status, headers["warning"], (JSON.parse(body) as { title: string }).title]).toEqual([200, undefined, title]);
}

function slowest(replies: Reply[]): number {
  return Math.round(Math.max(...replies.map(({ ms }) => ms)));
}
