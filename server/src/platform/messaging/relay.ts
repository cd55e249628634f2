import { within } from "#src/platform/deadline.ts";
import { transact } from "#src/platform/database/transact.ts";
import { failpoint } from "#src/platform/faults/failpoint.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import type { Broker, Parcel } from "./broker.ts";
import type { ConsumerContext } from "./consumer.ts";
import type { Subscription } from "./event.ts";
import { lockDue, markRelayed } from "./relayed.ts";
import { POLL_MS } from "./transport.ts";
import { newTurn, PAUSE_AFTER_FAULT_MS, takeTurns } from "./turn.ts";
import { buryExhausted } from "./work.ts";

/** Of each consumer in one turn: one that has much to do keeps the others waiting no longer than this takes. */
const RELAY_BATCH = 500;
/** Shorter than PostgreSQL lets a transaction do nothing. */
const PUBLISH_LIMIT_MS = 5_000;

export type RelayContext = ConsumerContext & { broker: Broker; patienceMs: number };

/**
 * Hands deliveries that are due to a broker, until it is drained, and buries those whose last attempt never came back.
 * Several may run. Rows are held until the broker has confirmed: a relay that dies in between is followed by one that
 * sends again, and who is sent twice finds the row handled.
 */
export function runRelay(context: RelayContext, subscriptions: Subscription[]): { drain(): Promise<void> } {
  const stop = new AbortController();
  const [relayTurn, buryTurn] = [newTurn(), newTurn()];
  for (const topic of new Set(subscriptions.map((one) => one.topic))) {
    context.transport.listen(topic, () => relayTurn.call());
  }
  const relaying = takeTurns(relayTurn, stop.signal, {
    async step() {
      const outcome = await relayDue(context, subscriptions);
      if (outcome === "failed") await relayTurn.pause(PAUSE_AFTER_FAULT_MS);
      if (outcome === "idle") await relayTurn.next();
    },
    onFault: (error) => context.log.error({ err: error }, "what is due could not be relayed; trying again"),
  });
  const burying = takeTurns(buryTurn, stop.signal, {
    async step() {
      let buried = false;
      for (const subscription of subscriptions) buried = (await buryExhausted(context, subscription)) || buried;
      if (!buried) await buryTurn.pause(POLL_MS);
    },
    onFault: (error) => context.log.error({ err: error }, "what is exhausted could not be buried; trying again"),
  });
  return {
    async drain() {
      stop.abort();
      relayTurn.end();
      buryTurn.end();
      await Promise.all([relaying, burying]);
    },
  };
}

/** Relays what is due now. @returns "failed" when the broker has not confirmed all of it; that stays due */
async function relayDue(context: RelayContext, subscriptions: Subscription[]): Promise<"relayed" | "idle" | "failed"> {
  const outcome = await transact(context, async (trx) => {
    const parcels = await lockDue(trx, subscriptions, RELAY_BATCH);
    if (parcels.length === 0) return "idle";
    if (isMutant("relay_marks_before_confirm")) {
      await markRelayed(trx, parcels, context.patienceMs);
      void publishEach(context, parcels);
      return "relayed";
    }
    await failpoint("relay.before_publish");
    const published = await publishEach(context, parcels);
    await failpoint("relay.after_publish");
    if (published.length > 0) await markRelayed(trx, published, context.patienceMs);
    return published.length < parcels.length ? "failed" : "relayed";
  });
  if (outcome === "relayed") await failpoint("relay.after_mark");
  return outcome;
}

/** Each consumer's apart: one whose queue is refused holds nobody up. @returns what the broker has confirmed */
async function publishEach(context: RelayContext, parcels: Parcel[]): Promise<Parcel[]> {
  const { broker, log, metrics } = context;
  const publishing = [...Map.groupBy(parcels, (parcel) => parcel.consumer)].map(async ([consumer, its]) => {
    try {
      await within(broker.publish(its), PUBLISH_LIMIT_MS);
      metrics.relayed(consumer, its.length);
      return its;
    } catch (error) {
      metrics.relayFailed(consumer);
      log.warn({ err: error, consumer, parcels: its.length }, "the broker has not confirmed; trying again");
      return [];
    }
  });
  return (await Promise.all(publishing)).flat();
}
