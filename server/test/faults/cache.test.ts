import { createClient, RESP_TYPES } from "@redis/client";
import { describe, expect, test } from "vitest";
import { armFaults } from "#src/platform/faults/failpoint.ts";
import { type Client, startApp, type TestApp } from "#test/app.ts";
import { hasRedis, type RedisServer, startRedis } from "#test/redis-server.ts";
import { startSecondApi } from "#test/second-api.ts";
import { until } from "#test/until.ts";
import { figure } from "./database/figure.ts";

type Answer = { statusCode: number; body: Record<string, unknown> };
type Get = (url: string) => Promise<Answer>;
type Process = { get: Get; context: TestApp["context"] };

const READS_PER_PHASE = 400;
const WRITES_PER_PHASE = 10;

const brings = hasRedis ? "" : " (scripts/services/start redis brings it)";

describe.skipIf(!hasRedis)(`two processes with their cache in Redis${brings}`, () => {
  test("killed, frozen and flushed under load: no request fails and nobody is shown an older value", async () => {
    await using world = await openWorld();
    const { redis } = world;
    const phases: [name: string, begin: () => Promise<void>, end: () => Promise<void>][] = [
      ["healthy", nothing, nothing],
      ["frozen", () => freeze(redis), () => thaw(redis)],
      ["after the thaw", nothing, nothing],
      ["killed", redis.kill, nothing],
      ["started again, empty", redis.start, nothing],
      ["flushed while it works", redis.flush, nothing],
    ];
    const path = await warmItem(world);
    let price = 0;
    for (const [name, begin, end] of phases) {
      await begin();
      const phase = await loadOn(world, path, price);
      await end();
      price = phase.price;
      expect({ name, failed: phase.failed, late: phase.late }).toEqual({ name, failed: [], late: [] });
      figure(
        `Redis ${name}: ${phase.durations.length} reads, p50 ${at(phase.durations, 0.5)} ms, p95 ${at(phase.durations, 0.95)} ms, the longest ${at(phase.durations, 1)} ms; ${WRITES_PER_PHASE} updates, p50 ${at(phase.writes, 0.5)} ms`,
      );
    }
    await usedAgain(world, path);
  }, 120_000);

  test("what was changed while Redis was frozen is not shown by it when it goes on", async () => {
    await using world = await openWorld();
    const path = await warmItem(world);
    for (let price = 1; price <= 5; price += 1) {
      await usedAgain(world, path);
      await freeze(world.redis);
      expect((await world.owner.patch(path, { price_cents: price })).statusCode).toBe(200);
      await thaw(world.redis);
      // The second process had nothing to do meanwhile: it does not know that Redis was away at all.
      for (const { get } of world.processes.toReversed()) {
        expect((await get(path)).body["price_cents"]).toBe(price);
      }
    }
  }, 60_000);

  test("a Redis that comes back with what it held before a change shows none of it", async () => {
    await using world = await openWorld();
    const path = await warmItem(world);
    await usedAgain(world, path);
    const held = await withRedis(world.redis, async (client) => {
      const keys = await client.keys("shopfloor:cache:*");
      const bytes = client.withTypeMapping({ [RESP_TYPES.BLOB_STRING]: Buffer });
      return await Promise.all(keys.map(async (key) => [key, await bytes.dump(key)] as const));
    });
    expect(held.length).toBeGreaterThan(0);
    expect((await world.owner.patch(path, { price_cents: 1 })).statusCode).toBe(200);
    await world.redis.kill();
    await world.redis.start();
    await withRedis(world.redis, async (client) => {
      for (const [key, value] of held) if (value !== null) await client.restore(key, 0, value, { REPLACE: true });
    });
    await usedAgain(world, path, 1);
  }, 60_000);
});

describe.skipIf(!hasRedis)(`one of two processes with their cache in Redis${brings}`, () => {
  test("a process that dies between its commit and the news of it leaves nothing old behind", async () => {
    await using world = await openWorld();
    const path = await warmItem(world);
    await usedAgain(world, path);
    armFaults(["transaction.after_commit=throw@1"]);
    try {
      expect((await world.owner.patch(path, { price_cents: 1 })).statusCode).toBe(500);
    } finally {
      armFaults([]);
    }
    for (const { get } of world.processes) expect((await get(path)).body["price_cents"]).toBe(1);
  });

  test("without Redis the service says that it is degraded, and with it again that it is ready", async () => {
    await using world = await openWorld();
    await warmItem(world);
    const status = async () => (await world.shop.anonymous.get("/readyz")).body["status"];
    await until(async () => (await status()) === "ready");
    await world.redis.kill();
    await until(async () => (await status()) === "degraded");
    await world.redis.start();
    expect(await until(async () => (await status()) === "ready")).toBe(true);
  });
});

type World = Awaited<ReturnType<typeof openWorld>>;

async function openWorld() {
  await using undo = new AsyncDisposableStack();
  const redis = undo.use(await startRedis());
  const shop = undo.use(await startApp({ worker: false, env: { CACHE: "redis", REDIS_URL: redis.url } }));
  const second = undo.use(await startSecondApi(shop));
  undo.defer(() => thaw(redis));
  const owner: Client = await shop.signUp();
  const processes: Process[] = [{ get: shop.anonymous.get, context: shop.context }, second];
  const kept = undo.move();
  return { redis, shop, owner, processes, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function warmItem(world: World): Promise<string> {
  const created = await world.owner.post("/api/v1/items", { title: "Pot", price_cents: 0 });
  const path = String(created.headers.location);
  await usedAgain(world, path, 0);
  return path;
}

/** Until both processes are answered by Redis; what they show meanwhile must be right, too. */
async function usedAgain(world: World, path: string, price?: number): Promise<void> {
  for (const { get, context } of world.processes) {
    const { counts } = context.cache;
    const hits = counts.hit;
    await until(
      async () => {
        const { statusCode, body } = await get(path);
        expect(statusCode).toBe(200);
        expect(body["price_cents"]).toBe(price ?? body["price_cents"]);
        return counts.hit > hits;
      },
      () => counts,
    );
  }
}

type Phase = { price: number; durations: number[]; writes: number[]; failed: number[]; late: number[][] };

/** Reads in both processes beside updates in the first; each read is compared with what was answered before it began. */
async function loadOn(world: World, path: string, from: number): Promise<Phase> {
  const phase: Phase = { price: from, durations: [], writes: [], failed: [], late: [] };
  let answered = from;
  const reader = async ({ get }: Process) => {
    for (let read = 0; read < READS_PER_PHASE; read += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      const known = answered;
      const begunAt = performance.now();
      const { statusCode, body } = await get(path);
      phase.durations.push(performance.now() - begunAt);
      if (statusCode !== 200) phase.failed.push(statusCode);
      else if (Number(body["price_cents"]) < known) phase.late.push([Number(body["price_cents"]), known]);
    }
  };
  const writer = async () => {
    for (let write = 0; write < WRITES_PER_PHASE; write += 1) {
      phase.price += 1;
      const begunAt = performance.now();
      const { statusCode } = await world.owner.patch(path, { price_cents: phase.price });
      phase.writes.push(performance.now() - begunAt);
      if (statusCode === 200) answered = phase.price;
      else phase.failed.push(statusCode);
    }
  };
  await Promise.all([writer(), ...world.processes.flatMap((one) => [reader(one), reader(one)])]);
  return phase;
}

const pids = new Map<RedisServer, number>();

async function freeze(redis: RedisServer): Promise<void> {
  const info = await withRedis(redis, (client) => client.info("server"));
  const pid = Number(/process_id:(\d+)/.exec(info)?.[1]);
  pids.set(redis, pid);
  process.kill(pid, "SIGSTOP");
}

async function thaw(redis: RedisServer): Promise<void> {
  const pid = pids.get(redis);
  pids.delete(redis);
  if (pid !== undefined) process.kill(pid, "SIGCONT");
}

async function withRedis<T>(
  redis: RedisServer,
  work: (client: ReturnType<typeof newClient>) => Promise<T>,
): Promise<T> {
  const client = newClient(redis.url);
  await client.connect();
  try {
    return await work(client);
  } finally {
    client.destroy();
  }
}

function newClient(url: string) {
  return createClient({ url });
}

async function nothing(): Promise<void> {}

function at(durations: number[], quantile: number): string {
  const sorted = durations.toSorted((one, other) => one - other);
  return (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * quantile))] ?? 0).toFixed(1);
}
