import type { Registry } from "prom-client";
import type { Config } from "#src/config.ts";
import { within } from "#src/platform/deadline.ts";
import { runBrokerConsumer } from "./broker-consumer.ts";
import { openBroker } from "./brokers/open-broker.ts";
import { type ConsumerContext, runConsumer } from "./consumer.ts";
import type { Subscription } from "./event.ts";
import { registerBrokerGauge } from "./metrics.ts";
import { runRelay } from "./relay.ts";
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
 * Runs subscriptions on the engine that the configuration names: on PostgreSQL their consumers, with a broker the relay
 * and, unless something else consumes, the consumers behind it.
 */
export async function startConsumers(
  context: ConsumerContext & { config: Config; registry: Registry },
  subscriptions: Subscription[],
): Promise<Consumers> {
  const { config, log, metrics } = context;
  const broker = await openBroker({ config, log, onReturned: (consumer) => metrics.returned(consumer) });
  if (broker === undefined) {
    // Left undone it costs patience only: what a broker had is due when that is over.
    await takeAllBack(context.db).catch((error: unknown) => log.warn({ err: error }, "nothing was taken back"));
    const consumers = subscriptions.map((subscription) => runConsumer(context, subscription));
    return { drain: () => drainAll(consumers), checkBroker: async () => undefined };
  }
  const checkBroker = () => within(broker.check(), BROKER_CHECK_LIMIT_MS);
  registerBrokerGauge(context.registry, checkBroker);
  const relay = runRelay({ ...context, broker, patienceMs: config.relayPatienceMs }, subscriptions);
  const consuming = config.workerConsumes ? subscriptions : [];
  const consumers = consuming.map((subscription) => runBrokerConsumer(context, broker, subscription));
  return {
    checkBroker,
    async drain() {
      await drainAll([relay, ...consumers]);
      await broker.close();
    },
  };
}

async function drainAll(running: { drain(): Promise<void> }[]): Promise<void> {
  await Promise.all(running.map((one) => one.drain()));
}
