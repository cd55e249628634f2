import type { Parcel } from "./broker.ts";
import { claimFreshOf, claimRetriedOf } from "./deliveries.ts";
import type { Subscription } from "./event.ts";
import { takeBack } from "./relayed.ts";
import { type WorkContext, workDeliveries } from "./work.ts";

/**
 * Works on what a broker has handed over. The broker may forget the parcels in every case when this resolves: what of
 * them can't be claimed is handled, dead or in other hands, and what is still open is relayed again when it is due.
 * @param parcels of this subscription's consumer; doubled ones do no harm
 * @param stopping when aborted, what has not begun is left to others
 * @returns how long to rest, in ms, because what the handler needs is away; else 0
 * @throws Error when the database is away: nobody knows what the parcels stand for, and they have to come again
 */
export async function workParcels(
  context: WorkContext,
  subscription: Subscription,
  parcels: Pick<Parcel, "message_id">[],
  stopping: AbortSignal,
): Promise<number> {
  const { db, leaseMs } = context;
  const { consumer } = subscription;
  const ids = [...new Set(parcels.map(({ message_id }) => message_id))];
  const fresh = await claimFreshOf(db, consumer, ids, leaseMs);
  let restMs = fresh.length > 0 ? await workDeliveries(context, subscription, fresh, stopping) : 0;
  const begun = new Set(fresh.map(({ id }) => id));
  const others = ids.filter((id) => !begun.has(id));
  if (others.length === 0) return restMs;
  while (!stopping.aborted) {
    const retried = await claimRetriedOf(db, subscription, others, leaseMs);
    if (retried.length === 0) break;
    restMs = Math.max(restMs, await workDeliveries(context, subscription, retried, stopping));
  }
  await takeBack(db, consumer, others);
  return restMs;
}
