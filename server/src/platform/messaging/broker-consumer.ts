import { failpoint } from "#src/platform/faults/failpoint.ts";
import type { Broker, Parcel } from "./broker.ts";
import type { Subscription } from "./event.ts";
import { workParcels } from "./parcels.ts";
import { newTurn, PAUSE_AFTER_FAULT_MS } from "./turn.ts";
import type { WorkContext } from "./work.ts";

/** Runs one subscription on what a broker hands over, until it is drained. */
export function runBrokerConsumer(
  context: WorkContext,
  broker: Broker,
  subscription: Subscription,
): { drain(): Promise<void> } {
  const { consumer, maxBatch } = subscription;
  const stop = new AbortController();
  const turn = newTurn();

  async function take(parcels: Parcel[]): Promise<void> {
    const restMs = await workUntilLookedAt(parcels);
    await failpoint("consumer.before_ack");
    if (restMs > 0) await turn.pause(restMs);
  }

  // While the database is away they are kept in hand: a broker that got them back would hand them over again at once,
  // and count it.
  async function workUntilLookedAt(parcels: Parcel[]): Promise<number> {
    for (;;) {
      // Refused by a worker that is stopping; the broker gives them to another one.
      stop.signal.throwIfAborted();
      try {
        return await workParcels(context, subscription, parcels, stop.signal);
      } catch (error) {
        context.log.error({ err: error, consumer }, "what the broker handed over could not be looked at; trying again");
        await turn.pause(PAUSE_AFTER_FAULT_MS);
      }
    }
  }

  const intake = broker.consume(consumer, { batch: maxBatch }, take);
  return {
    async drain() {
      stop.abort();
      turn.end();
      await intake.stop();
    },
  };
}
