import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Db } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";

export type MessagingMetrics = {
  /** `count` deliveries were handled by one run of `seconds` */
  handled(consumer: string, count: number, seconds: number): void;
  failed(consumer: string, outcome: "retry" | "dead"): void;
};

const DURATION_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** What the consumers of this process did. */
export function createMessagingMetrics(registry: Registry): MessagingMetrics {
  const registers = [registry];
  const handled = new Counter({
    name: "messaging_deliveries_handled_total",
    help: "Deliveries handled, by consumer",
    labelNames: ["consumer"],
    registers,
  });
  const failed = new Counter({
    name: "messaging_deliveries_failed_total",
    help: "Failed attempts, by consumer and whether another one follows (retry) or not (dead)",
    labelNames: ["consumer", "outcome"],
    registers,
  });
  const duration = new Histogram({
    name: "messaging_handler_duration_seconds",
    help: "Time of one run of a handler with its commit, by consumer; a run takes a batch",
    labelNames: ["consumer"],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  return {
    handled(consumer, count, seconds) {
      handled.inc({ consumer }, count);
      duration.observe({ consumer }, seconds);
    },
    failed: (consumer, outcome) => failed.inc({ consumer, outcome }),
  };
}

/** What waits in the database, read when somebody scrapes; without the database it is not known, and not shown. */
export function registerQueueGauges(registry: Registry, db: Db): void {
  let running: Promise<QueueRow[]> | undefined;
  // One read for all gauges of a scrape: they are collected at the same moment.
  const read = () =>
    (running ??= readQueues(db)
      .catch((): QueueRow[] => [])
      .finally(() => (running = undefined)));
  const register = (name: string, help: string, valueOf: (row: QueueRow) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ["consumer"],
      registers: [registry],
      async collect() {
        const rows = await read();
        this.reset();
        for (const row of rows) this.set({ consumer: row.consumer }, valueOf(row));
      },
    });
  register("messaging_queue_depth", "Open deliveries, by consumer", (row) => row.depth);
  register("messaging_dead_letters", "Deliveries given up, by consumer", (row) => row.dead);
  const age = "Age of the oldest open delivery, by consumer";
  register("messaging_queue_oldest_age_seconds", age, (row) => row.oldest_age_seconds);
}

type QueueRow = { consumer: string; depth: number; dead: number; oldest_age_seconds: number };

async function readQueues(db: Db): Promise<QueueRow[]> {
  return await named<QueueRow>(
    db,
    "messaging_queues",
    `SELECT s.consumer, q.depth, q.oldest_age_seconds,
       (SELECT count(*) FROM deliveries d WHERE d.consumer = s.consumer AND d.dead_at IS NOT NULL) AS dead
     FROM (SELECT DISTINCT consumer FROM subscriptions) s
     CROSS JOIN LATERAL (
       SELECT count(*) AS depth,
         coalesce(extract(epoch FROM now() - (SELECT o.occurred_at FROM outbox o WHERE o.id = min(d.message_id))), 0)::float8
           AS oldest_age_seconds
       FROM deliveries d WHERE d.consumer = s.consumer AND d.handled_at IS NULL AND d.dead_at IS NULL
     ) q
     ORDER BY s.consumer`,
    [],
  );
}
