import { randomBytes } from "node:crypto";
import type { SQSClient } from "@aws-sdk/client-sqs";
import { sql } from "kysely";
import { expect } from "vitest";
import { subscriptions } from "#src/composition.ts";
import { queueNameOf } from "#src/platform/messaging/brokers/sqs.ts";
import { startApp, type TestApp } from "#test/app.ts";
import { order } from "#test/shop.ts";
import { cuttable } from "./cuttable.ts";
import { lambdaTools, startEmulator } from "./emulator.ts";
import { startEventSource } from "./event-source.ts";

/** Where `scripts/services/start elasticmq` has a server that speaks SQS; empty where there is none. */
export const sqsEndpoint = process.env["SQS_ENDPOINT"] ?? "";
/** The most that a function of these tests may hold. */
export const CONNECTIONS = 2;
const AT_ONCE = 20;
const DRAINING_ROUNDS = 8;

/** The API and a worker that only relays, in this process, and the function in an emulator, with its own way to the database. */
export async function startFunctionShop(options: { bundle: string; sqs: SQSClient; env?: Record<string, string> }) {
  if (lambdaTools === undefined) throw new Error("there is no emulator");
  const { bundle, sqs, env = {} } = options;
  await using undo = new AsyncDisposableStack();
  const prefix = `t${randomBytes(4).toString("hex")}`;
  const messaging = {
    MESSAGING: "sqs",
    WORKER_CONSUMES: "false",
    SQS_ENDPOINT: sqsEndpoint,
    AWS_REGION: "elasticmq",
    SQS_QUEUE_PREFIX: prefix,
    RELAY_PATIENCE_MS: "2000",
    LEASE_MS: "3000",
  };
  const app = undo.use(await startApp({ env: messaging }));
  const database = undo.use(await cuttable(app.url));
  const emulator = undo.use(
    await startEmulator(lambdaTools, bundle, {
      NODE_ENV: "test",
      LOG_LEVEL: "warn",
      DATABASE_URL: database.url,
      DATABASE_POOL: String(CONNECTIONS),
      TOKEN_SECRET: app.config.tokenSecret ?? "",
      LEASE_MS: messaging.LEASE_MS,
      ...env,
    }),
  );
  const kept = undo.move();
  return {
    app,
    prefix,
    database,
    emulator,
    startSource(consumers = subscriptions.map(({ consumer }) => consumer)) {
      const queues = consumers.map((consumer) => queueNameOf(prefix, consumer));
      return startEventSource({ sqs, queues, emulator });
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

export async function placeOrders(app: TestApp, product: number, count: number): Promise<void> {
  const buyer = await app.signUp();
  for (let placed = 0; placed < count; placed += AT_ONCE) {
    const orders = Array.from({ length: Math.min(AT_ONCE, count - placed) }, () => order(buyer, [[product, 1]]));
    for (const { statusCode } of await Promise.all(orders)) expect(statusCode).toBe(202);
  }
}

export async function drained(app: TestApp): Promise<void> {
  for (let round = 1; ; round += 1) {
    try {
      await app.drained();
      return;
    } catch (error) {
      if (round === DRAINING_ROUNDS) throw error;
    }
  }
}

/** What must have happened once for each order. */
export async function effects({ db }: TestApp): Promise<Record<string, number>> {
  const [events, mails] = await Promise.all([
    db.selectFrom("order_events").select("order_id").where("status", "=", "reserved").execute(),
    db.selectFrom("mails").select("id").where("sent_at", "is not", null).execute(),
  ]);
  return { reserved_events: events.length, mails: mails.length };
}

/** How many connections the function holds. */
export async function connections(app: TestApp): Promise<number> {
  const held = sql<{ n: number }>`SELECT count(*) AS n FROM pg_stat_activity
    WHERE application_name = 'shopfloor function' AND datname = current_database()`;
  return (await held.execute(app.db)).rows[0]?.n ?? 0;
}

/** How many deliveries to the reservation took so many attempts. */
export async function attempts({ db }: TestApp): Promise<Record<number, number>> {
  const rows = await db
    .selectFrom("deliveries")
    .select((count) => ["attempts", count.fn.countAll<number>().as("n")])
    .where("consumer", "=", "orders.reserve")
    .where("handled_at", "is not", null)
    .groupBy("attempts")
    .execute();
  return Object.fromEntries(rows.map(({ attempts: count, n }) => [count, n]));
}
