import { randomInt, randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import type { Broker, Parcel } from "#src/platform/messaging/broker.ts";
import { until } from "./until.ts";

/** A real broker that belongs to one test. */
export type BrokerServer = AsyncDisposable & {
  /** a connection as a process of its own would have; whatever is handed out is free again after `leaseMs` */
  open(): Broker;
  leaseMs: number;
  kill(): Promise<void>;
  /** starts it again, with whatever it has kept */
  start(): Promise<void>;
};

const MANY = 300;
const BATCH = 100;
const CONSUMER = "orders.reserve";

/** What the relay and the consumers rely on, whatever the engine. */
export function describeBroker(name: string, startServer: () => Promise<BrokerServer>): void {
  testCarrying(name, startServer);
  testEnds(name, startServer);
  testOutages(name, startServer);
}

function testCarrying(name: string, startServer: () => Promise<BrokerServer>): void {
  test(`${name}: each consumer gets its own parcels as they were sent, in bounded batches, one call at a time`, async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startServer());
    const broker = await opened(stack, server);
    // Before anybody reads, as on the first day.
    const sent = [...parcels(MANY, CONSUMER), ...parcels(20, "mail.send")];
    await broker.publish(sent);
    // By their id: at least once is what is promised.
    const got = new Map<number, Parcel>();
    let running = 0;
    for (const consumer of [CONSUMER, "mail.send"]) {
      let calls = 0;
      broker.consume(consumer, { batch: BATCH }, async (batch) => {
        running = Math.max(running, ++calls);
        expect(batch.length).toBeLessThanOrEqual(BATCH);
        expect(new Set(batch.map((one) => one.consumer))).toEqual(new Set([consumer]));
        await Promise.resolve();
        batch.forEach((one) => got.set(one.message_id, one));
        calls -= 1;
      });
    }
    await until(() => got.size >= sent.length);
    expect([...got.values()].toSorted(byId)).toEqual(sent.toSorted(byId));
    expect(running).toBe(1);
  });

  test(`${name}: what was acknowledged does not come again, and what was refused does`, async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startServer());
    const broker = await opened(stack, server);
    const [refused, ...handled] = ids(parcels(10, CONSUMER));
    const seen: number[] = [];
    await broker.publish(parcelsOf([refused ?? 0, ...handled]));
    const first = broker.consume(CONSUMER, { batch: 1 }, async ([only]) => {
      seen.push(only?.message_id ?? 0);
      if (only?.message_id === refused) throw new Error("not now");
    });
    await until(() => handled.every((id) => seen.includes(id)));
    await first.stop();
    const again: number[] = [];
    const startedAt = performance.now();
    (await opened(stack, server)).consume(CONSUMER, { batch: BATCH }, async (batch) => void again.push(...ids(batch)));
    await until(() => again.length > 0 && performance.now() - startedAt > 2 * server.leaseMs);
    expect(new Set(again)).toEqual(new Set([refused]));
  });
}

function testEnds(name: string, startServer: () => Promise<BrokerServer>): void {
  test(`${name}: a reader that never comes back keeps nothing from the others`, async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startServer());
    const hung = Promise.withResolvers<void>();
    const dying = await opened(stack, server);
    stack.defer(() => hung.resolve());
    const sent = parcels(BATCH, CONSUMER);
    await dying.publish(sent);
    const taken: number[] = [];
    dying.consume(CONSUMER, { batch: BATCH }, async (batch) => {
      taken.push(...ids(batch));
      await hung.promise;
    });
    await until(() => taken.length > 0);
    const got = new Set<number>();
    (await opened(stack, server)).consume(CONSUMER, { batch: BATCH }, async (batch) =>
      ids(batch).forEach((id) => got.add(id)),
    );
    await until(() => got.size === sent.length);
    expect([...got].toSorted()).toEqual(ids(sent).toSorted());
  });
}

function testOutages(name: string, startServer: () => Promise<BrokerServer>): void {
  test(`${name}: a broker that is killed refuses, and serves the same connections when it is back`, async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startServer());
    const broker = await opened(stack, server);
    const got = new Set<number>();
    broker.consume(CONSUMER, { batch: BATCH }, async (batch) => ids(batch).forEach((id) => got.add(id)));
    const before = parcels(10, CONSUMER);
    await broker.publish(before);
    await until(() => got.size === before.length);
    await broker.check();

    await server.kill();
    await expect(broker.publish(parcels(1, CONSUMER))).rejects.toBeInstanceOf(Error);
    await expect(broker.check()).rejects.toBeInstanceOf(Error);

    await server.start();
    const after = parcels(10, CONSUMER);
    await until(() =>
      broker.publish(after).then(
        () => true,
        () => false,
      ),
    );
    await until(() => ids(after).every((id) => got.has(id)));
    await broker.check();
  });

  test(`${name}: stopping waits for what is in hand, and takes nothing more`, async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startServer());
    const broker = await opened(stack, server);
    const working = Promise.withResolvers<void>();
    const events: string[] = [];
    const reader = broker.consume(CONSUMER, { batch: 1 }, async () => {
      events.push("begun");
      await working.promise;
      events.push("ended");
    });
    await broker.publish(parcels(2, CONSUMER));
    await until(() => events.length > 0);
    const stopped = reader.stop().then(() => events.push("stopped"));
    working.resolve();
    await stopped;
    expect(events).toEqual(["begun", "ended", "stopped"]);
    // The other one is still there, and the first is not.
    const left: Parcel[] = [];
    const startedAt = performance.now();
    broker.consume(CONSUMER, { batch: BATCH }, async (batch) => void left.push(...batch));
    await until(() => left.length > 0 && performance.now() - startedAt > 2 * server.leaseMs);
    expect(left).toHaveLength(1);
  });
}

/** Parcels as the relay makes them, for rows that nobody has. */
export function parcels(count: number, consumer: string): Parcel[] {
  const first = randomInt(1_000_000_000);
  return parcelsOf(
    Array.from({ length: count }, (_, index) => first + index),
    consumer,
  );
}

function parcelsOf(messageIds: number[], consumer = CONSUMER): Parcel[] {
  const correlation_id = randomUUID();
  const traceparent = `00-${randomUUID().replaceAll("-", "")}-b7ad6b7169203331-01`;
  return messageIds.map((message_id) => ({ message_id, consumer, topic: "order.placed", correlation_id, traceparent }));
}

export function ids(batch: Parcel[]): number[] {
  return batch.map(({ message_id }) => message_id);
}

/** A connection that is there, and is closed before the server that it belongs to. */
export async function opened(stack: AsyncDisposableStack, server: BrokerServer): Promise<Broker> {
  const broker = stack.adopt(server.open(), (one) => one.close());
  await until(() =>
    broker.check().then(
      () => true,
      () => false,
    ),
  );
  return broker;
}

function byId(one: Parcel, other: Parcel): number {
  return one.message_id - other.message_id;
}
