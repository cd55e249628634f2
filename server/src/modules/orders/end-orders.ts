import { releaseStock } from "#src/modules/catalogue/public.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import { moveOrders } from "./move-orders.ts";
import type { Move } from "./repository.ts";

export type Ending = Move & { status: "cancelled" | "expired" | "rejected" };

/**
 * Ends orders that will not be sent and gives back what they hold, both or neither: the one way for cancellation, expiry,
 * and for what could not be processed. Call it with the orders locked in ascending id and the step allowed.
 */
export async function endOrders(trx: Trx, endings: Ending[]): Promise<void> {
  const held = endings.map(({ order, correlation_id, origin }) => ({ order_id: order.id, correlation_id, origin }));
  if (!isMutant("release_lost_on_cancel")) await releaseStock(trx, held);
  if (isMutant("release_twice")) await releaseStock(trx, held);
  await moveOrders(trx, endings);
}
