import { randomBytes } from "node:crypto";
import { sql } from "kysely";
import { Registry } from "prom-client";
import Type from "typebox";
import type { Work } from "#src/platform/context.ts";
import { createDatabase, type Trx } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { transact } from "#src/platform/database/transact.ts";
import type { Broker } from "#src/platform/messaging/broker.ts";
import { defineEvent, type Message, subscribe } from "#src/platform/messaging/event.ts";
import { createMessagingMetrics } from "#src/platform/messaging/metrics.ts";
import { createPostgresTransport } from "#src/platform/messaging/postgres-transport.ts";
import { publish, registerSubscriptions } from "#src/platform/messaging/publish.ts";
import { startConsumers } from "#src/platform/messaging/start-consumers.ts";
import { createLog, type Log } from "#src/platform/telemetry/log.ts";
import { cloneDatabase } from "./database.ts";
import { until } from "./until.ts";

/** An engine under test, and its server where it has one that can be hurt. */
export type EngineUnderTest = {
  name: string;
  /** what a worker holds of it; undefined on PostgreSQL */
  open(log: Log): Promise<Broker | undefined>;
  server?: { kill(): Promise<void>; start(): Promise<void> };
};

type Numbered = Message<{ n: number }>;
export type Handle = (trx: Trx, messages: Numbered[]) => Promise<void>;

type Pool = ReturnType<typeof createPool>;

const LEASE_MS = 1_000;
export const BATCH = 50;
/** Longer than a test: what passes has not waited for a delivery to be sent once more. */
const LONG_PATIENCE_MS = 600_000;
const numbered = defineEvent("contract.numbered", Type.Object({ n: Type.Integer() }));
const origin = {
  correlation_id: "contract",
  traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  user_id: null,
  cause: null,
};

/** A database with one consumer of one topic, and as many workers as a test asks for. */
export async function openEngineShop(engine: EngineUnderTest, options: { mangle?: boolean; patienceMs?: number } = {}) {
  await using undo = new AsyncDisposableStack();
  const database = undo.use(await cloneDatabase());
  const log = createLog({ logLevel: "silent", process: "test" });
  const pool = createPool({ url: database.url, max: 8, work: "worker", name: "test", log });
  const db = createDatabase(pool);
  undo.defer(() => db.destroy());
  const transport = createPostgresTransport({ pool, url: database.url, log });
  undo.defer(() => transport.close());
  const registry = new Registry();
  const metrics = createMessagingMetrics(registry);
  // A server is shared by tests: each has names of its own there.
  const consumer = `contract_${randomBytes(6).toString("hex")}`;
  // The handlers of these tests need nothing but their transaction.
  const context = { db, transport, leaseMs: LEASE_MS, log, metrics, wake: transport.wake, work: {} as Work };
  await pool.query("CREATE TABLE effects (n integer)");
  await db.transaction().execute((trx) => registerSubscriptions(trx, [{ topic: numbered.topic, consumer }]));
  const workers = undo.adopt<(() => Promise<void>)[]>([], async (all) => {
    await Promise.all(all.map((drain) => drain()));
  });
  const kept = undo.move();
  return {
    db,
    context,
    consumer,
    ...looksInto(pool),
    publish: (numbers: number[]) =>
      transact(context, (trx) =>
        publish(
          trx,
          numbered,
          numbers.map((n) => ({ origin, payload: { n } })),
        ),
      ),
    async startWorker(handle: Handle, onDead: (message: Message<unknown>) => void = () => undefined) {
      const opened = await engine.open(log);
      const broker = opened !== undefined && options.mangle === true ? mangling(opened) : opened;
      const patienceMs = options.patienceMs ?? LONG_PATIENCE_MS;
      const subscription = subscribe(numbered, {
        consumer,
        maxBatch: BATCH,
        handle,
        onDead: async (_, message) => onDead(message),
      });
      const running = { ...context, broker, patienceMs, workerConsumes: true, registry: new Registry() };
      const consumers = await startConsumers(running, [subscription]);
      let drained: Promise<void> | undefined;
      const drain = () => (drained ??= consumers.drain().then(() => broker?.close()));
      workers.push(drain);
      return { drain };
    },
    async effect(trx: Trx, messages: Numbered[]) {
      const values = messages.map(({ payload }) => payload.n);
      await sql`INSERT INTO effects (n) SELECT unnest(${values}::int[])`.execute(trx);
    },
    /** Publications that the broker has not confirmed. */
    failures: async () => {
      const metric = await registry.getSingleMetric("messaging_relay_failures_total")?.get();
      return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? 0;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** What a test asks the database, and how it helps time along. */
function looksInto(pool: Pool) {
  const count = async (table: string, condition = "true") =>
    Number((await pool.query<{ n: number }>(`SELECT count(*) AS n FROM ${table} WHERE ${condition}`)).rows[0]?.n);
  return {
    count,
    effects: async () => (await pool.query<{ n: number }>("SELECT n FROM effects ORDER BY n")).rows.map((row) => row.n),
    /** Makes what waits for its next attempt due at once; what a worker holds has a lease, and stays where it is. */
    hurry: () =>
      pool.query(`UPDATE deliveries d SET due_at = now() WHERE dead_at IS NULL AND handled_at IS NULL
        AND relayed_at IS NULL AND attempts > 0
        AND attempts = (SELECT count(*) FROM delivery_failures f WHERE f.message_id = d.message_id)`),
    drained: (withinMs?: number) => {
      const open = () => count("deliveries", "handled_at IS NULL AND dead_at IS NULL");
      return until(async () => (await open()) === 0, open, withinMs);
    },
  };
}

/** The same broker, on a bad day: what it is given it carries twice, and in another order. */
function mangling(broker: Broker): Broker {
  return {
    ...broker,
    publish: (parcels) => broker.publish([...parcels, ...parcels].toSorted(() => Math.random() - 0.5)),
  };
}
