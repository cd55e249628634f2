import { reserveStock } from "#src/modules/catalogue/public.ts";
import type { Context } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { failpoint } from "#src/platform/faults/failpoint.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import type { Message } from "#src/platform/messaging/event.ts";
import { newOrigin } from "#src/platform/telemetry/origin.ts";
import { endOrders } from "./end-orders.ts";
import { moveOrders } from "./move-orders.ts";
import { listStockLines, lockOrders, type Move } from "./repository.ts";
import { repriceOrders } from "./reprice-orders.ts";
import { mayBecome } from "./transitions.ts";

type Placed = Message<{ order_id: number }>;

/**
 * Reserves what the orders of a batch want, in the order in which they were placed; who comes too late is rejected with
 * what was short. An order that is no longer pending was dealt with before, or cancelled: it is left alone.
 */
export async function reserveOrders(trx: Trx, messages: Placed[], { config }: Context): Promise<void> {
  const taken = isMutant("stuck_pending") ? messages.filter(({ attempt }) => attempt === 1) : messages;
  const orders = await lockOrders(trx, [...new Set(taken.map(({ payload }) => payload.order_id))]);
  const waiting = orders.filter((order) => mayBecome(order.status, "reserved") || isMutant("no_deduplication"));
  if (waiting.length === 0) return;
  await failpoint("worker.in_handler");
  const lines = await listStockLines(
    trx,
    waiting.map((order) => order.id),
  );
  const origins = new Map(taken.map(({ payload, origin }) => [payload.order_id, origin]));
  const allocations = await reserveStock(
    trx,
    waiting.map(({ id, correlation_id }) => {
      const origin = origins.get(id) ?? newOrigin({ correlation_id });
      return { order_id: id, correlation_id, origin, lines: lines.get(id) ?? [] };
    }),
  );
  const moves = waiting.map((order, index): Move => {
    const outcome = allocations[index]?.outcome;
    if (outcome === undefined) throw new Error(`order ${order.id} got no allocation`);
    const origin = origins.get(order.id) ?? newOrigin({ correlation_id: order.correlation_id });
    const move = { order, actor_id: null, correlation_id: order.correlation_id, origin };
    if (outcome === "reserved") return { ...move, status: "reserved", seconds: config.reservationSeconds };
    return { ...move, status: "rejected", reject_reason: "out_of_stock", shortfalls: outcome };
  });
  await moveOrders(trx, moves);
  if (isMutant("price_not_fixed"))
    await repriceOrders(
      trx,
      waiting.map((order) => order.id),
    );
}

/** Ends an order whose reservation was given up after the last attempt, so that its buyer does not wait for ever. */
export async function rejectUnprocessable(trx: Trx, message: Message<unknown>): Promise<void> {
  const { payload, origin } = message;
  const id = typeof payload === "object" && payload !== null && "order_id" in payload ? Number(payload.order_id) : NaN;
  if (!Number.isSafeInteger(id)) return;
  const [order] = await lockOrders(trx, [id]);
  if (order === undefined || !mayBecome(order.status, "rejected")) return;
  const { correlation_id } = origin;
  const reject_reason = "processing_failed";
  await endOrders(trx, [{ order, status: "rejected", actor_id: null, correlation_id, reject_reason, origin }]);
}
