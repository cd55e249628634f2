import { claimFresh, claimRetried } from "./deliveries.ts";
import type { Subscription } from "./event.ts";
import type { MessagingMetrics } from "./metrics.ts";
import { POLL_MS, type Transport } from "./transport.ts";
import { newTurn, takeTurns, type Turn } from "./turn.ts";
import { buryExhausted, type WorkContext, workDeliveries } from "./work.ts";

export type ConsumerContext = WorkContext & { transport: Transport; metrics: MessagingMetrics };

/**
 * Runs one subscription on PostgreSQL alone, until it is drained: fresh deliveries in batches, and beside them, so that a
 * slow retry holds nobody up, one retried delivery at a time.
 */
export function runConsumer(context: ConsumerContext, subscription: Subscription): { drain(): Promise<void> } {
  const { consumer, maxBatch } = subscription;
  const stop = new AbortController();
  const turns = [newTurn(), newTurn()] as const;
  const [freshTurn, retryTurn] = turns;
  context.transport.listen(subscription.topic, () => freshTurn.call());
  const onFault = (error: unknown) =>
    context.log.error({ err: error, consumer }, "the queue could not be read; trying again");

  const fresh = takeTurns(freshTurn, stop.signal, {
    onFault,
    async step() {
      const claimed = await claimFresh(context.db, consumer, maxBatch, context.leaseMs);
      if (claimed.length === 0) await freshTurn.next();
      else await rest(freshTurn, await workDeliveries(context, subscription, claimed, stop.signal));
    },
  });
  // A wake-up tells of new messages: what was tried before is looked for at its own pace.
  const retried = takeTurns(retryTurn, stop.signal, {
    onFault,
    async step() {
      const buried = await buryExhausted(context, subscription);
      const claimed = await claimRetried(context.db, subscription, context.leaseMs);
      if (claimed.length > 0) await rest(retryTurn, await workDeliveries(context, subscription, claimed, stop.signal));
      if (!buried && claimed.length === 0) await retryTurn.pause(POLL_MS);
    },
  });

  return {
    async drain() {
      stop.abort();
      turns.forEach((turn) => turn.end());
      await Promise.all([fresh, retried]);
    },
  };
}

async function rest(turn: Turn, restMs: number): Promise<void> {
  if (restMs > 0) await turn.pause(restMs);
}
