import { afterAll, describe, expect, test } from "vitest";
import { openRedis } from "#src/platform/redis.ts";
import { hasRedis, startRedis } from "#test/redis-server.ts";
import { FRESH_MS, lifetimeMs } from "./cache.ts";
import { testCache } from "./cache.contract.ts";
import { createMemoryCache } from "./memory.ts";
import { createRedisCache } from "./redis.ts";

describe("the cache in memory", () => {
  testCache(async (options) => {
    const cache = createMemoryCache(options);
    return { ...cache, [Symbol.asyncDispose]: () => cache.close() };
  }, false);
});

const brings = hasRedis ? "" : " (scripts/services/start redis brings it)";
describe.skipIf(!hasRedis)(`the cache in Redis${brings}`, async () => {
  const server = hasRedis ? await startRedis() : undefined;
  afterAll(async () => await server?.[Symbol.asyncDispose]());
  testCache(async (options) => {
    const redis = openRedis({ url: server?.url ?? "", name: "test", log: options.log });
    const cache = createRedisCache({ ...options, redis });
    return {
      ...cache,
      async [Symbol.asyncDispose]() {
        await cache.close();
        await redis.close();
      },
    };
  }, true);
});

test("what is stored together does not expire together", () => {
  const lifetimes = Array.from({ length: 1_000 }, () => lifetimeMs({ bytes: Buffer.alloc(1), etag: "" }));
  expect(Math.min(...lifetimes)).toBeGreaterThanOrEqual(FRESH_MS * 0.8);
  expect(Math.max(...lifetimes)).toBeLessThanOrEqual(FRESH_MS);
  expect(Math.max(...lifetimes) - Math.min(...lifetimes)).toBeGreaterThan(FRESH_MS * 0.15);
});
