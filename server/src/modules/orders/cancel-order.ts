import { releaseStock } from "#src/modules/catalogue/public.ts";
import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import type { User } from "#src/platform/http/app.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { notCancellable, orderNotFound } from "./errors.ts";
import { findOrder, lockOrders, moveOrders } from "./repository.ts";
import type { Order } from "./schemas.ts";
import { mayBecome } from "./transitions.ts";
import { maySee } from "./visibility.ts";

/**
 * Cancels an order and gives back what it holds, both or neither.
 * @throws orderNotFound (404) also for an order of somebody else, notCancellable (409) when it is too late
 */
export async function cancelOrder(context: Context, input: { id: number; user: User; origin: Origin }): Promise<Order> {
  return await transact(context, async (trx) => {
    const [order] = await lockOrders(trx, [input.id]);
    if (order === undefined || !maySee(input.user, order)) throw orderNotFound();
    if (!mayBecome(order.status, "cancelled")) throw notCancellable({ detail: `the order is ${order.status}` });
    const { origin } = input;
    const { correlation_id } = origin;
    const released = [{ order_id: order.id, correlation_id, origin }];
    if (!isMutant("release_lost_on_cancel")) await releaseStock(trx, released);
    if (isMutant("release_twice")) await releaseStock(trx, released);
    await moveOrders(trx, [{ order, status: "cancelled", actor_id: input.user.id, correlation_id }]);
    const cancelled = await findOrder(trx, order.id);
    if (cancelled === undefined) throw orderNotFound();
    return cancelled;
  });
}
