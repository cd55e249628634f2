import type pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDatabase } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { openRedis } from "#src/platform/redis.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { cloneDatabase } from "#test/database.ts";
import { hasRedis, startRedis } from "#test/redis-server.ts";
import { until } from "#test/until.ts";
import { type Counters, counterSweeps, countInMemory, countInPostgres, countInRedis } from "./counters.ts";
import { countersContract, limitsOf, takes } from "./counters.contract.ts";

const log = createLog({ logLevel: "silent", process: "test" });
const UNREACHABLE = "postgres://nobody:nothing@127.0.0.1:1/nothing";

const stack = new AsyncDisposableStack();
afterAll(() => stack.disposeAsync());

async function openDatabase(): Promise<{ pool: () => pg.Pool }> {
  const { url } = stack.use(await cloneDatabase());
  return {
    pool() {
      const pool = createPool({ url, max: 2, work: "counter", name: "test", log });
      stack.defer(() => pool.end());
      return pool;
    },
  };
}

describe("in memory", () => {
  // Within one process two limiters of one name are never made: the second "process" is the same counter.
  const known = new Map<string, ReturnType<Counters>>();
  const shared: Counters = (limit) =>
    known.get(limit.name) ?? known.set(limit.name, countInMemory(limit)).get(limit.name) ?? countInMemory(limit);
  countersContract(() => shared);
});

describe("in PostgreSQL", () => {
  let database: Awaited<ReturnType<typeof openDatabase>>;
  beforeAll(async () => {
    database = await openDatabase();
  });
  countersContract(() => countInPostgres(database.pool(), countInMemory));

  test("no key can be read in the table, and what has ended is swept", async () => {
    const pool = database.pool();
    const db = createDatabase(pool);
    const limiter = limitsOf(countInPostgres(pool, countInMemory)).create({
      name: "swept",
      points: 5,
      windowSeconds: 60,
    });
    await limiter.tryTake("ann@example.com 192.0.2.7");
    const rows = await db.selectFrom("rate_limits").selectAll().where("key", "like", "limit:swept:%").execute();
    expect(rows).toHaveLength(1);
    expect(JSON.stringify(rows)).not.toMatch(/ann|example|192/);
    const sweep = async () => await Promise.all(counterSweeps.map(({ deleteBatch }) => deleteBatch(db, 1_000)));
    await sweep();
    const left = () => db.selectFrom("rate_limits").selectAll().where("key", "like", "limit:swept:%").execute();
    expect(await left()).toHaveLength(1);
    await db
      .updateTable("rate_limits")
      .set({ expire: Date.now() - 1 })
      .execute();
    await sweep();
    expect(await left()).toHaveLength(0);
  });

  // case 28
  test("without PostgreSQL this process counts for itself, and refuses", async () => {
    const pool = createPool({ url: UNREACHABLE, max: 2, work: "counter", name: "test", log });
    stack.defer(() => pool.end());
    const limiter = limitsOf(countInPostgres(pool, countInMemory)).create({
      name: "away",
      points: 3,
      windowSeconds: 60,
    });
    expect(await takes(limiter, "ann", 5)).toEqual([true, true, true, false, false]);
  });
});

describe.skipIf(!hasRedis)("in Redis (where it is missing: scripts/services/start redis)", () => {
  let server: Awaited<ReturnType<typeof startRedis>>;
  let database: Awaited<ReturnType<typeof openDatabase>>;
  beforeAll(async () => {
    server = stack.use(await startRedis());
    database = await openDatabase();
  });
  async function connect() {
    const redis = openRedis({ url: server.url, name: "test", log });
    stack.defer(() => redis.close());
    await until(() => redis.client.isReady);
    return redis;
  }
  countersContract(async () => countInRedis(await connect(), countInMemory));

  test("no key can be read in Redis, and every key ends by itself", async () => {
    const redis = await connect();
    const limiter = limitsOf(countInRedis(redis, countInMemory)).create({ name: "read", points: 5, windowSeconds: 60 });
    await limiter.tryTake("ann@example.com 192.0.2.7");
    const keys = await redis.client.keys("limit:read:*");
    expect(keys).toHaveLength(1);
    expect(keys.join()).not.toMatch(/ann|example|192/);
    expect(await redis.client.ttl(keys[0] ?? "")).toBeGreaterThan(0);
  });

  // case 28
  test("when Redis dies PostgreSQL counts, for both processes; when it is back, so is its count", async () => {
    const one = limitsOf(countInRedis(await connect(), countInPostgres(database.pool(), countInMemory)));
    const other = limitsOf(countInRedis(await connect(), countInPostgres(database.pool(), countInMemory)));
    const limit = { name: "dies", points: 3, windowSeconds: 60 };
    const [here, there] = [one.create(limit), other.create(limit)];
    expect(await takes(here, "ann", 4)).toEqual([true, true, true, false]);
    await server.kill();
    expect([...(await takes(here, "ann", 2)), ...(await takes(there, "ann", 2))]).toEqual([true, true, true, false]);
    await server.start();
    await until(async () => await here.tryTake("bob"));
  });

  test("a Redis that is frozen is waited for a few times, then no more, and what stands in goes on counting", async () => {
    const redis = await connect();
    const pid = Number(/process_id:(\d+)/.exec(await redis.client.info("server"))?.[1]);
    const limiter = limitsOf(countInRedis(redis, countInMemory)).create({
      name: "frozen",
      points: 9,
      windowSeconds: 60,
    });
    await limiter.tryTake("ann");
    process.kill(pid, "SIGSTOP");
    try {
      for (let taken = 0; taken < 9; taken += 1) expect(await limiter.tryTake("ann")).toBe(true);
      expect(await limiter.tryTake("ann")).toBe(false);
      expect(redis.isAnswering()).toBe(false);
    } finally {
      process.kill(pid, "SIGCONT");
    }
    await until(async () => redis.isAnswering());
    expect(await limiter.tryTake("ann")).toBe(true);
  });
});
