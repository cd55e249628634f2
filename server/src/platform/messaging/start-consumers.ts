import type { Registry } from "prom-client";
import { within } from "#src/platform/deadline.ts";
import type { Broker } from "./broker.ts";
import { runBrokerConsumer } from "./broker-consumer.ts";
import { runConsumer } from "./consumer.ts";
import type { Subscription } from "./event.ts";
import { registerBrokerGauge } from "./metrics.ts";
import { type RelayContext, runRelay } from "./relay.ts";
import { takeAllBack } from "./relayed.ts";

/** A look whether the broker answers, for readiness and metrics. */
const BROKER_CHECK_LIMIT_MS = 1_000;

export type Consumers = {
  /** Resolves when each has finished what it had begun. */
  drain(): Promise<void>;
  /** @throws Error when the broker is away; what is placed meanwhile waits */
  checkBroker(): Promise<void>;
};

/**
 * Runs subscriptions until they are drained: without a broker on PostgreSQL alone, with one the relay and the consumers
 * behind it.
 * @param context.workerConsumes false: something else consumes what is relayed, as functions do
 */
export async function startConsumers(
  context: Omit<RelayContext, "broker"> & { broker: Broker | undefined; workerConsumes: boolean; registry: Registry },
  subscriptions: Subscription[],
): Promise<Consumers> {
  const { broker, log, registry } = context;
  if (broker === undefined) {
    // Left undone it costs patience only: what a broker had is due when that is over.
    await takeAllBack(context.db).catch((error: unknown) => log.warn({ err: error }, "nothing was taken back"));
    const consumers = subscriptions.map((subscription) => runConsumer(context, subscription));
    return { drain: () => drainAll(consumers), checkBroker: async () => undefined };
  }
  const checkBroker = () => within(broker.check(), BROKER_CHECK_LIMIT_MS);
  registerBrokerGauge(registry, checkBroker);
  const relay = runRelay({ ...context, broker }, subscriptions);
  const consuming = context.workerConsumes ? subscriptions : [];
  const consumers = consuming.map((subscription) => runBrokerConsumer(context, broker, subscription));
  return { drain: () => drainAll([relay, ...consumers]), checkBroker };
}

async function drainAll(running: { drain(): Promise<void> }[]): Promise<void> {
  await Promise.all(running.map((one) => one.drain()));
}
