import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Db } from "#src/platform/database/database.ts";
import { listQueues, type Queue } from "./queues.ts";

export type MessagingMetrics = {
  /** `count` deliveries were handled by one run of `seconds` */
  handled(consumer: string, count: number, seconds: number): void;
  failed(consumer: string, outcome: "retry" | "dead"): void;
  /** a broker has confirmed `count` deliveries */
  relayed(consumer: string, count: number): void;
  /** a broker has not confirmed what it was sent */
  relayFailed(consumer: string): void;
  /** a broker has confirmed a delivery and had no queue for it */
  returned(consumer: string): void;
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
  const relaying = relayCounters(registry);
  return {
    ...relaying,
    handled(consumer, count, seconds) {
      handled.inc({ consumer }, count);
      duration.observe({ consumer }, seconds);
    },
    failed: (consumer, outcome) => failed.inc({ consumer, outcome }),
  };
}

function relayCounters(registry: Registry): Pick<MessagingMetrics, "relayed" | "relayFailed" | "returned"> {
  const counter = (name: string, help: string) =>
    new Counter({ name, help, labelNames: ["consumer"], registers: [registry] });
  const relayed = counter("messaging_relayed_total", "Deliveries that the broker has confirmed, by consumer");
  const failures = counter(
    "messaging_relay_failures_total",
    "Publications that the broker did not confirm, by consumer",
  );
  const returned = counter("messaging_returned_total", "Deliveries for which the broker had no queue, by consumer");
  return {
    relayed: (consumer, count) => relayed.inc({ consumer }, count),
    relayFailed: (consumer) => failures.inc({ consumer }),
    returned: (consumer) => returned.inc({ consumer }),
  };
}

/** Whether the broker answers, asked when somebody scrapes. */
export function registerBrokerGauge(registry: Registry, check: () => Promise<void>): void {
  const gauge: Gauge = new Gauge({
    name: "messaging_broker_up",
    help: "Whether the broker answers (1) or not (0)",
    registers: [registry],
    async collect() {
      gauge.set(
        await check().then(
          () => 1,
          () => 0,
        ),
      );
    },
  });
}

/** What waits in the database, read when somebody scrapes; without the database it is not known, and not shown. */
export function registerQueueGauges(registry: Registry, db: Db): void {
  let running: Promise<Queue[]> | undefined;
  // One read for all gauges of a scrape: they are collected at the same moment.
  const read = () =>
    (running ??= listQueues(db)
      .catch((): Queue[] => [])
      .finally(() => (running = undefined)));
  const register = (name: string, help: string, valueOf: (queue: Queue) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ["consumer"],
      registers: [registry],
      async collect() {
        const queues = await read();
        this.reset();
        for (const queue of queues) this.set({ consumer: queue.consumer }, valueOf(queue));
      },
    });
  register("messaging_queue_depth", "Open deliveries, by consumer", (queue) => queue.waiting + queue.retrying);
  register("messaging_dead_letters", "Deliveries given up, by consumer", (queue) => queue.dead);
  const age = "Age of the oldest open delivery, by consumer";
  register("messaging_queue_oldest_age_seconds", age, (queue) => queue.oldest_age_seconds);
  const lag = "Time for which a delivery is due and nobody takes it, by consumer";
  register("messaging_queue_lag_seconds", lag, (queue) => queue.lag_seconds);
  const paused = "Whether a consumer is paused (1) or not (0)";
  register("messaging_consumer_paused", paused, (queue) => (queue.paused_at === null ? 0 : 1));
}
