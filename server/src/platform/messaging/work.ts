import type { Work } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { type TransactContext, transact } from "#src/platform/database/transact.ts";
import { failpoint } from "#src/platform/faults/failpoint.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import { type Delivery, giveBack, lockExhausted, markHandled, noteFailure, renewLease } from "./deliveries.ts";
import type { Subscription } from "./event.ts";
import type { MessagingMetrics } from "./metrics.ts";
import { Postponed } from "./postponed.ts";

/** What it takes to work on claimed deliveries, wherever they came from. */
export type WorkContext = TransactContext & {
  leaseMs: number;
  log: Log;
  metrics: Pick<MessagingMetrics, "handled" | "failed">;
  /** what handlers work with */
  work: Work;
};

/** Renewed this many times within a lease, so that one lost renewal loses nothing. */
const RENEWALS_PER_LEASE = 3;

class LeaseLost extends Error {}

/**
 * Works on claimed deliveries until each is handled, noted as failed, or given back; their leases are renewed meanwhile.
 * @param stopping when aborted, what has not begun is given back
 * @returns how long to rest, in ms, because what the handler needs is away; else 0
 */
export async function workDeliveries(
  context: WorkContext,
  subscription: Subscription,
  deliveries: Delivery[],
  stopping: AbortSignal,
): Promise<number> {
  const { consumer } = subscription;
  const held = new Set(deliveries);
  const renewal = setInterval(() => {
    renew(context, consumer, held).catch((error: unknown) =>
      context.log.warn({ err: error, consumer }, "a lease could not be renewed"),
    );
  }, context.leaseMs / RENEWALS_PER_LEASE);
  try {
    // Only a test asks for it: the effects of a handler whose "handled" got lost, and then the message again.
    if ((await failpoint("worker.after_claim")) === "duplicate")
      await transact(context, (trx) => subscription.handle(trx, deliveries, context.work));
    const ready = await act(context, subscription, held);
    if (ready.length === 0) return 0;
    const refused = await attempt(context, subscription, ready);
    if (refused === undefined) return 0;
    if (refused.error instanceof Postponed) return await postpone(context, consumer, held, refused.error);
    const [only, ...others] = ready;
    if (only !== undefined && others.length === 0) {
      held.clear();
      await fail(context, subscription, only, refused.error);
      return 0;
    }
    context.log.warn({ err: refused.error, consumer, batch: ready.length }, "a batch failed; trying one by one");
    return await workAlone(context, subscription, held, stopping);
  } finally {
    clearInterval(renewal);
  }
}

/** Lets every delivery act, all at the same time. @returns those that may be handled; the others' failures are noted */
async function act(context: WorkContext, subscription: Subscription, held: Set<Delivery>): Promise<Delivery[]> {
  if (subscription.act !== undefined) {
    const acting = [...held].map(async (delivery) => {
      try {
        await subscription.act?.(delivery, context.work);
      } catch (error) {
        held.delete(delivery);
        // One failure that can't be noted must not keep what the others did from being marked; its lease will run out.
        await fail(context, subscription, delivery, error).catch((unnoted: unknown) =>
          context.log.error({ ...trace(delivery), err: unnoted }, "a failure could not be noted"),
        );
      }
    });
    await Promise.all(acting);
  }
  return [...held];
}

async function renew(context: WorkContext, consumer: string, held: Set<Delivery>): Promise<void> {
  await failpoint("worker.at_renewal");
  await renewLease(context.db, consumer, [...held], context.leaseMs);
}

/** One bad message spoils the transaction of its whole batch; alone, the others go through in the same lease. */
async function workAlone(
  context: WorkContext,
  subscription: Subscription,
  held: Set<Delivery>,
  stopping: AbortSignal,
): Promise<number> {
  for (const delivery of held) {
    if (stopping.aborted) {
      await giveBack(context.db, subscription.consumer, [...held]);
      held.clear();
      return 0;
    }
    const refused = await attempt(context, subscription, [delivery]);
    if (refused?.error instanceof Postponed) {
      return await postpone(context, subscription.consumer, held, refused.error);
    }
    // Before the failure is noted: a renewal after it would put the lease in place of the backoff.
    held.delete(delivery);
    if (refused !== undefined) await fail(context, subscription, delivery, refused.error);
  }
  return 0;
}

async function postpone(
  context: WorkContext,
  consumer: string,
  held: Set<Delivery>,
  reason: Postponed,
): Promise<number> {
  const deliveries = [...held];
  // Before they are given back: a renewal after it would put the lease in place of the delay.
  held.clear();
  await giveBack(context.db, consumer, deliveries, reason.delayMs);
  context.log.info({ err: reason, consumer, batch: deliveries.length, delay_ms: reason.delayMs }, "postponed");
  return reason.delayMs;
}

async function attempt(
  context: WorkContext,
  subscription: Subscription,
  deliveries: Delivery[],
): Promise<{ error: unknown } | undefined> {
  const startedAt = performance.now();
  try {
    await transact(context, async (trx) => {
      await subscription.handle(trx, deliveries, context.work);
      await failpoint("worker.before_handled");
      const mine = await markHandled(trx, subscription.consumer, deliveries);
      if (mine < deliveries.length) throw new LeaseLost("another worker has taken over");
    });
  } catch (error) {
    return { error };
  }
  const durationMs = performance.now() - startedAt;
  context.metrics.handled(subscription.consumer, deliveries.length, durationMs / 1_000);
  for (const delivery of deliveries) {
    context.log.info({ ...trace(delivery), batch: deliveries.length, duration_ms: Math.round(durationMs) }, "handled");
  }
  return undefined;
}

async function fail(
  context: WorkContext,
  subscription: Subscription,
  delivery: Delivery,
  error: unknown,
): Promise<void> {
  if (error instanceof LeaseLost) {
    context.log.warn(trace(delivery), "the lease ran out; another worker has this delivery");
    return;
  }
  if (isMutant("nack_without_limit")) return await giveBack(context.db, subscription.consumer, [delivery]);
  const outcome = await transact(context, (trx) => giveUpOrRetry(trx, context.work, { subscription, delivery, error }));
  if (outcome !== "lost") context.metrics.failed(subscription.consumer, outcome);
  const level = outcome === "dead" ? "error" : "warn";
  context.log[level]({ ...trace(delivery), err: error, outcome }, "a delivery failed");
}

/** Gives up one delivery whose last attempt never came back. @returns false when there is none */
export async function buryExhausted(context: WorkContext, subscription: Subscription): Promise<boolean> {
  const error = new Error("the last attempt never came back: its worker died or hung");
  const buried = await transact(context, async (trx) => {
    const delivery = await lockExhausted(trx, subscription);
    if (delivery !== undefined) await giveUpOrRetry(trx, context.work, { subscription, delivery, error });
    return delivery;
  });
  if (buried === undefined) return false;
  context.metrics.failed(subscription.consumer, "dead");
  context.log.error({ ...trace(buried), err: error, outcome: "dead" }, "a delivery failed");
  return true;
}

async function giveUpOrRetry(
  trx: Trx,
  context: Work,
  { subscription, delivery, error }: { subscription: Subscription; delivery: Delivery; error: unknown },
) {
  const outcome = await noteFailure(trx, delivery, { error, patience: subscription.patience });
  if (outcome === "dead") await subscription.onDead(trx, delivery, context);
  return outcome;
}

function trace(delivery: Delivery) {
  const { id, consumer, topic, attempt: count, origin } = delivery;
  const trace_id = origin.traceparent.split("-")[1];
  const whence = { correlation_id: origin.correlation_id, trace_id, user_id: origin.user_id };
  return { consumer, topic, message_id: id, attempt: count, ...whence };
}
