import { sql } from "kysely";
import { Registry } from "prom-client";
import Type from "typebox";
import { expect, test } from "vitest";
import { createDatabase, type Db, type Trx } from "#src/platform/database/database.ts";
import type { Context } from "#src/platform/context.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { transact, type TransactContext } from "#src/platform/database/transact.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { cloneDatabase } from "#test/database.ts";
import { until } from "#test/until.ts";
import { type ConsumerContext, runConsumer } from "./consumer.ts";
import { claimFresh, claimRetried, MAX_ATTEMPTS, markHandled } from "./deliveries.ts";
import { defineEvent, type Message, subscribe } from "./event.ts";
import { createMessagingMetrics } from "./metrics.ts";
import { createPostgresTransport } from "./postgres-transport.ts";
import { Postponed } from "./postponed.ts";
import { publish, registerSubscriptions } from "./publish.ts";

const LEASE_MS = 1_000;
const BATCH = 200;
const counted = defineEvent("thing.counted", Type.Object({ n: Type.Integer() }));
const origin = {
  correlation_id: "test-journey",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  user_id: 7,
  cause: null,
};
type Counted = Message<{ n: number }>;

test("a message is handled once by each of its consumers, with its origin", async () => {
  await using queue = await startQueue(["first", "second"]);
  const seen: [string, Counted][] = [];
  for (const consumer of ["first", "second"]) {
    queue.consume(
      consumer,
      async (_, messages) => void seen.push(...messages.map((one) => [consumer, one] as [string, Counted])),
    );
  }
  await queue.publish([1]);
  await queue.drained();
  expect(seen.map(([consumer]) => consumer).toSorted()).toEqual(["first", "second"]);
  expect(seen[0]?.[1]).toMatchObject({
    payload: { n: 1 },
    attempt: 1,
    origin: { correlation_id: "test-journey", user_id: 7, cause: seen[0]?.[1].id },
  });
});

test("a change that is rolled back leaves no message", async () => {
  await using queue = await startQueue(["first"]);
  const failing = transact(queue.context, async (trx) => {
    await publish(trx, counted, [{ origin, payload: { n: 1 } }]);
    throw new Error("changed my mind");
  });
  await expect(failing).rejects.toThrow("changed my mind");
  expect(await queue.count("outbox")).toBe(0);
  expect(await queue.count("deliveries")).toBe(0);
});

test("a payload that breaks its schema is refused when it is published", async () => {
  await using queue = await startQueue(["first"]);
  const bad = [{ origin, payload: { n: "one" } as never }];
  await expect(transact(queue.context, (trx) => publish(trx, counted, bad))).rejects.toThrow("thing.counted: /n");
});

test("a poison message in a batch of 200 dies alone, and the other 199 take effect exactly once", async () => {
  await using queue = await startQueue(["first"]);
  const dead: number[] = [];
  await queue.publish(Array.from({ length: BATCH }, (_, n) => n));
  queue.consume(
    "first",
    async (trx, messages) => {
      await queue.effect(trx, messages);
      if (messages.some(({ payload }) => payload.n === 77)) throw new Error("cannot count to 77");
    },
    async (_, message) => void dead.push(message.attempt),
  );
  await until(async () => (await queue.count("deliveries", "handled_at")) === BATCH - 1);
  await queue.hurry("first", () => dead.length > 0);
  expect(await queue.effects()).toEqual(Array.from({ length: BATCH }, (_, n) => n).filter((n) => n !== 77));
  expect(dead).toEqual([MAX_ATTEMPTS]);
  expect(await queue.count("delivery_failures")).toBe(MAX_ATTEMPTS);
});

test("who lost the lease cannot mark the delivery, and none of his effects stay", async () => {
  await using queue = await startQueue(["first"]);
  await queue.publish([1]);
  const slow = await claimFresh(queue.db, "first", BATCH, 1);
  const quick = await until(async () => {
    const claimed = await claimRetried(queue.db, { consumer: "first" }, LEASE_MS);
    return claimed.length > 0 ? claimed : undefined;
  });
  expect(await transact(queue.context, (trx) => markHandled(trx, "first", slow))).toBe(0);
  expect(await transact(queue.context, (trx) => markHandled(trx, "first", quick))).toBe(1);
});

test("a delivery that was claimed but never came back is run again, and counted", async () => {
  await using queue = await startQueue(["first"]);
  await queue.publish([1]);
  await claimFresh(queue.db, "first", BATCH, 1);
  const attempts: number[] = [];
  queue.consume("first", async (_, [message]) => void attempts.push(message?.attempt ?? 0));
  await queue.drained();
  expect(attempts).toEqual([2]);
});

test("a message that kills its worker every time is given up after the last attempt", async () => {
  await using queue = await startQueue(["first"]);
  await queue.publish([1]);
  await queue.db
    .updateTable("deliveries")
    .set({ attempts: MAX_ATTEMPTS, due_at: new Date(0).toISOString() })
    .execute();
  const dead: unknown[] = [];
  queue.consume(
    "first",
    () => Promise.reject(new Error("never called")),
    async (_, { payload }) => void dead.push(payload),
  );
  await until(async () => (await queue.count("deliveries", "dead_at")) === 1);
  expect(dead).toEqual([{ n: 1 }]);
});

test("a long handler keeps its lease, and nobody else starts the same work", async () => {
  await using queue = await startQueue(["first"]);
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  let runs = 0;
  const slow = async () => {
    runs += 1;
    await gate;
  };
  queue.consume("first", slow);
  queue.consume("first", slow);
  await queue.publish([1]);
  await until(() => runs === 1);
  const first = await queue.dueAt();
  await until(async () => (await queue.dueAt()) > first);
  open();
  await queue.drained();
  expect(runs).toBe(1);
});

test("new consumers get messages from publishers that have never heard of them", async () => {
  await using queue = await startQueue([]);
  await queue.publish([1]);
  await queue.db
    .transaction()
    .execute((trx) => registerSubscriptions(trx, [{ topic: counted.topic, consumer: "late" }]));
  await queue.publish([2]);
  const seen: number[] = [];
  queue.consume("late", async (_, messages) => void seen.push(...messages.map(({ payload }) => payload.n)));
  await queue.drained();
  expect(seen).toEqual([2]);
});

test("a lost connection for wake-ups costs time and no message", async () => {
  await using queue = await startQueue(["first"]);
  const seen: number[] = [];
  queue.consume("first", async (_, messages) => void seen.push(...messages.map(({ payload }) => payload.n)));
  const listening = "application_name = 'shopfloor listen' AND datname = current_database()";
  await until(async () => (await queue.terminate(listening)) === 1);
  await queue.publish([1]);
  await queue.drained();
  expect(seen).toEqual([1]);
});

test("a stopped consumer finishes what it has begun and gives back what it has not", async () => {
  await using queue = await startQueue(["first"]);
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  let alone = 0;
  const consumer = queue.consume("first", async (_, messages) => {
    if (messages.length > 1) throw new Error("one by one, please");
    alone += 1;
    if (alone === 1) await gate;
  });
  await queue.publish([1, 2, 3]);
  await until(() => alone === 1);
  const draining = consumer.drain();
  open();
  await draining;
  expect(await queue.count("deliveries", "handled_at")).toBe(1);
  expect((await claimFresh(queue.db, "first", BATCH, LEASE_MS)).map((one) => one.attempt)).toEqual([1, 1]);
});

test("while what a handler needs is away its messages wait, however often they are tried, and then all take effect", async () => {
  await using queue = await startQueue(["first"]);
  let away = true;
  let tried = 0;
  await queue.publish([1, 2, 3]);
  queue.consume("first", async (trx, messages) => {
    tried += 1;
    if (away) throw new Postponed("the engine is away", { delayMs: 20 });
    await queue.effect(trx, messages);
  });
  await until(() => tried > 2 * MAX_ATTEMPTS);
  expect(await queue.count("delivery_failures")).toBe(0);
  away = false;
  await queue.drained();
  expect(await queue.effects()).toEqual([1, 2, 3]);
  expect(await queue.count("deliveries", "dead_at")).toBe(0);
});

type Handle = (trx: Trx, messages: Counted[]) => Promise<void>;
test("what was tried before is leased for longer by chance: what died with one worker does not meet again in the next", async () => {
  await using queue = await startQueue(["retrying"]);
  await queue.publish(Array.from({ length: 20 }, (_, n) => n));
  await claimFresh(queue.db, "retrying", 20, 0);
  const leaseMs = 1_000_000;
  for (let n = 0; n < 20; n += 1) await claimRetried(queue.db, { consumer: "retrying" }, leaseMs);
  const left = sql<{ ms: number }>`SELECT (extract(epoch FROM due_at - now()) * 1000)::float8 AS ms FROM deliveries`;
  const leases = (await left.execute(queue.db)).rows.map(({ ms }) => ms);
  expect(leases).toHaveLength(20);
  expect(Math.min(...leases)).toBeGreaterThan(leaseMs * 0.9);
  expect(Math.max(...leases)).toBeLessThanOrEqual(leaseMs * 1.5);
  expect(Math.max(...leases) - Math.min(...leases)).toBeGreaterThan(leaseMs * 0.1);
});

type OnDead = (trx: Trx, message: Message<unknown>) => Promise<void>;

async function startQueue(consumers: string[]) {
  await using undo = new AsyncDisposableStack();
  const database = undo.use(await cloneDatabase());
  const log = createLog({ logLevel: "silent", process: "test" });
  const pool = createPool({ url: database.url, max: 4, work: "worker", name: "test", log });
  const db = createDatabase(pool);
  undo.defer(() => db.destroy());
  const transport = createPostgresTransport({ pool, url: database.url, log });
  undo.defer(() => transport.close());
  const metrics = createMessagingMetrics(new Registry());
  const context: ConsumerContext & TransactContext = {
    db,
    transport,
    leaseMs: LEASE_MS,
    log,
    metrics,
    wake: transport.wake,
    // The handlers of these tests need nothing but their transaction.
    work: {} as Context,
  };
  await pool.query("CREATE TABLE effects (n integer)");
  const subscriptions = consumers.map((consumer) => ({ topic: counted.topic, consumer }));
  await db.transaction().execute((trx) => registerSubscriptions(trx, subscriptions));
  const running: { drain(): Promise<void> }[] = [];
  undo.defer(async () => void (await Promise.all(running.map((one) => one.drain()))));
  const kept = undo.move();
  const rows = async <Row>(text: string) => (await pool.query<Row & Record<string, unknown>>(text)).rows;

  return {
    db,
    context,
    publish: (numbers: number[]) =>
      transact(context, (trx) =>
        publish(
          trx,
          counted,
          numbers.map((n) => ({ origin, payload: { n } })),
        ),
      ),
    consume(consumer: string, handle: Handle, onDead: OnDead = async () => undefined) {
      const one = runConsumer(context, subscribe(counted, { consumer, maxBatch: BATCH, handle, onDead }));
      running.push(one);
      return one;
    },
    async effect(trx: Trx, messages: Counted[]) {
      const values = messages.map(({ payload }) => payload.n);
      await sql`INSERT INTO effects (n) SELECT unnest(${values}::int[])`.execute(trx);
    },
    effects: async () => (await rows<{ n: number }>("SELECT n FROM effects ORDER BY n")).map((row) => row.n),
    count: async (table: string, column = "*") =>
      Number((await rows<{ n: number }>(`SELECT count(${column}) AS n FROM ${table}`))[0]?.n),
    dueAt: async () => (await rows<{ due_at: string }>("SELECT due_at FROM deliveries"))[0]?.due_at ?? "",
    terminate: async (which: string) =>
      (await rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${which}`)).length,
    /** Makes what waits for its next attempt due at once, until the condition holds. */
    hurry: (consumer: string, condition: () => boolean) =>
      until(async () => {
        await rows(`UPDATE deliveries d SET due_at = now() WHERE consumer = '${consumer}' AND dead_at IS NULL
          AND handled_at IS NULL AND attempts = (SELECT count(*) FROM delivery_failures f WHERE f.message_id = d.message_id)`);
        return condition();
      }),
    drained: () => drained(db),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function drained(db: Db): Promise<void> {
  await until(async () => {
    const open = await db
      .selectFrom("deliveries")
      .select("message_id")
      .where("handled_at", "is", null)
      .where("dead_at", "is", null)
      .execute();
    return open.length === 0;
  });
}
