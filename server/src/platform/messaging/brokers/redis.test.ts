import { createClient } from "@redis/client";
import { describe, expect, test } from "vitest";
import { createLog } from "#src/platform/telemetry/log.ts";
import { type BrokerServer, describeBroker, ids, opened, parcels } from "#test/broker.contract.ts";
import { hasRedis, startRedis } from "#test/redis-server.ts";
import { until } from "#test/until.ts";
import { openRedisBroker, streamOf } from "./redis.ts";

const LEASE_MS = 400;
const brings = hasRedis ? "" : " (skipped without redis-server: scripts/services/start redis)";
const CONSUMER = "orders.reserve";

describe.skipIf(!hasRedis)(`Redis Streams${brings}`, () => {
  describeBroker("Redis", () => startServer());

  test("a stream holds only what is not handled yet, and forgets the readers of processes that are gone", async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startServer());
    const redis = stack.adopt(await createClient({ url: server.url }).connect(), (one) => one.destroy());
    const broker = await opened(stack, server);
    await broker.publish(parcels(500, CONSUMER));
    expect(await redis.xLen(streamOf(CONSUMER))).toBe(500);
    let got = 0;
    broker.consume(CONSUMER, { batch: 200 }, async (batch) => void (got += batch.length));
    await until(() => got === 500);
    await until(async () => (await redis.xLen(streamOf(CONSUMER))) === 0);
    await until(async () => (await redis.xPending(streamOf(CONSUMER), "workers")).pending === 0);
    await broker.close();
    const [old] = await redis.xInfoConsumers(streamOf(CONSUMER), "workers");
    expect(old).toBeDefined();
    (await opened(stack, server)).consume(CONSUMER, { batch: 200 }, async () => undefined);
    await until(async () => {
      const readers = await redis.xInfoConsumers(streamOf(CONSUMER), "workers");
      return readers.every(({ name }) => name !== old?.name);
    });
  });

  test("a flush takes stream and group away, and readers that wait go on with what comes after it", async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startServer());
    const broker = await opened(stack, server);
    const got = new Set<number>();
    broker.consume(CONSUMER, { batch: 10 }, async (batch) => ids(batch).forEach((id) => got.add(id)));
    const sent: number[] = [];
    for (let round = 1; round <= 3; round += 1) {
      const after = parcels(10, CONSUMER);
      sent.push(...ids(after));
      await broker.publish(after);
      await until(() => got.size === sent.length);
      await server.flush();
    }
    expect([...got].toSorted()).toEqual(sent.toSorted());
  });

  test("with an append-only file that is synced each time, what was confirmed outlives a kill of Redis", async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startServer({ keeps: true }));
    const broker = await opened(stack, server);
    const sent = parcels(300, CONSUMER);
    await broker.publish(sent);
    await server.kill();
    await server.start();
    const got = new Set<number>();
    broker.consume(CONSUMER, { batch: 200 }, async (batch) => ids(batch).forEach((id) => got.add(id)));
    await until(() => got.size === sent.length);
    expect([...got].toSorted()).toEqual(ids(sent).toSorted());
  });
});

async function startServer(options = {}): Promise<BrokerServer & { url: string; flush(): Promise<void> }> {
  const server = await startRedis(options);
  const log = createLog({ logLevel: "silent", process: "test" });
  const open = () => openRedisBroker({ url: server.url, log, leaseMs: LEASE_MS });
  return { ...server, open, leaseMs: LEASE_MS };
}
