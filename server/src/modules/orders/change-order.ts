import { shipStock } from "#src/modules/catalogue/public.ts";
import type { Context } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { transact } from "#src/platform/database/transact.ts";
import type { User } from "#src/platform/http/app.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { endOrders } from "./end-orders.ts";
import { notCancellable, orderNotFound, wrongState } from "./errors.ts";
import { moveOrders } from "./move-orders.ts";
import { findOrder, type LockedOrder, lockOrders } from "./repository.ts";
import type { Order, Shipment } from "./schemas.ts";
import { mayBecome } from "./transitions.ts";
import { maySee } from "./visibility.ts";

export type OrderChange = {
  id: number;
  user: User;
  origin: Origin;
  /** throws when the caller has seen another version than this */
  checkVersion(version: number): void;
};

/**
 * Cancels an order and gives back what it holds, both or neither.
 * @throws orderNotFound (404) also for an order of somebody else, notCancellable (409) when it is too late
 */
export async function cancelOrder(context: Context, change: OrderChange): Promise<Order> {
  return await changeOrder(context, change, async (trx, order) => {
    if (!mayBecome(order.status, "cancelled")) throw notCancellable({ detail: `the order is ${order.status}` });
    await endOrders(trx, [{ ...stepOf(change, order), status: "cancelled" }]);
  });
}

/**
 * Notes that an order was paid, by the name that the payment has where it was made. The same payment again is the same.
 * @throws wrongState (409) for an order that is not reserved, or was paid by another payment
 */
export async function payOrder(context: Context, change: OrderChange & { reference: string }): Promise<Order> {
  return await changeOrder(context, change, async (trx, order) => {
    const { reference: payment_reference } = change;
    const isKept = order.status === "paid" || order.status === "shipped" || order.status === "delivered";
    if (isKept && order.payment_reference === payment_reference) return;
    if (!mayBecome(order.status, "paid")) throw wrongState({ detail: `the order is ${order.status}` });
    await moveOrders(trx, [{ ...stepOf(change, order), status: "paid", payment_reference }]);
  });
}

/**
 * Hands a paid order to a carrier: what it holds leaves the stock, both or neither.
 * @throws wrongState (409) for an order that is not paid
 */
export async function shipOrder(context: Context, change: OrderChange & { shipment: Shipment }): Promise<Order> {
  return await changeOrder(context, change, async (trx, order) => {
    if (!mayBecome(order.status, "shipped")) throw wrongState({ detail: `the order is ${order.status}` });
    await shipStock(trx, [{ order_id: order.id, correlation_id: change.origin.correlation_id }]);
    await moveOrders(trx, [{ ...stepOf(change, order), status: "shipped", ...change.shipment }]);
  });
}

/** Notes that an order has arrived. @throws wrongState (409) for an order that was not shipped */
export async function deliverOrder(context: Context, change: OrderChange): Promise<Order> {
  return await changeOrder(context, change, async (trx, order) => {
    if (!mayBecome(order.status, "delivered")) throw wrongState({ detail: `the order is ${order.status}` });
    await moveOrders(trx, [{ ...stepOf(change, order), status: "delivered" }]);
  });
}

function stepOf({ user, origin }: OrderChange, order: LockedOrder) {
  return { order, origin, actor_id: user.id, correlation_id: origin.correlation_id };
}

/** Everything is decided with the row locked: what was read before could be another order's worth of time old. */
async function changeOrder(
  context: Context,
  { id, user, checkVersion }: OrderChange,
  change: (trx: Trx, order: LockedOrder) => Promise<void>,
): Promise<Order> {
  return await transact(context, async (trx) => {
    const [order] = await lockOrders(trx, [id]);
    if (order === undefined || !maySee(user, order)) throw orderNotFound();
    checkVersion(order.version);
    await change(trx, order);
    const changed = await findOrder(trx, id);
    if (changed === undefined) throw orderNotFound();
    return changed;
  });
}
