import type { OrderStatus } from "../history.ts";
import type { StoredOrder } from "../snapshot.ts";
import { changesOf, type Change, type Check, describeOutput, type Evidence } from "./evidence.ts";

const CONFLICT = 409;

/** The step that each kind of call asks for. */
const STEP_OF: Record<Change["kind"], OrderStatus> = {
  cancel: "cancelled",
  pay: "paid",
  ship: "shipped",
  deliver: "delivered",
};
const ASKED_FOR = new Map(Object.entries(STEP_OF).map(([kind, status]) => [status, kind]));

/**
 * What a client was told of a payment, a parcel, its arrival or a cancellation is so for ever, with the name that it was
 * given; none of it happens unless somebody asked for it; and no reservation ends before its time.
 */
export const checkFulfilment: Check = (evidence) => [
  ...forgotten(evidence),
  ...refused(evidence),
  ...byNobody(evidence),
  ...expiredEarly(evidence),
];

function forgotten({ history, stored }: Evidence): string[] {
  return changesOf(history).flatMap((call) => {
    const order = stored.get(call.input.order_id);
    if (call.outcome !== "ok" || order === undefined) return [];
    const step = STEP_OF[call.kind];
    const isKept = order.events.some((event) => event.status === step) && isNamedBy(call, order);
    return isKept ? [] : [`order ${order.id} is ${describe(order)}, ${call.id} was told that it is ${step}`];
  });
}

/** The same payment again is the same payment, as long as the order is kept. */
function refused({ history, stored }: Evidence): string[] {
  const payments = changesOf(history).filter((call) => call.kind === "pay");
  const acknowledged = new Map<number, number>();
  for (const { outcome, input, end_ms } of payments) {
    if (outcome === "ok")
      acknowledged.set(input.order_id, Math.min(end_ms, acknowledged.get(input.order_id) ?? Infinity));
  }
  return payments.flatMap((call) => {
    const order = stored.get(call.input.order_id);
    const isLate = call.start_ms > (acknowledged.get(call.input.order_id) ?? Infinity);
    if (order === undefined || !isLate || call.outcome !== "no" || call.status !== CONFLICT) return [];
    if (order.status === "cancelled" || order.payment_reference !== call.input.reference) return [];
    return [`order ${order.id} is paid by ${order.payment_reference}, and ${describeOutput(call)} was refused`];
  });
}

function byNobody({ snapshot, byId }: Evidence): string[] {
  return snapshot.orders.flatMap((order) =>
    order.events.flatMap(({ status, correlation_id }) => {
      const kind = ASKED_FOR.get(status);
      if (kind === undefined) return [];
      const call = byId.get(correlation_id);
      const isAsked = call?.kind === kind && (call as Change).input.order_id === order.id && call.outcome !== "no";
      return isAsked ? [] : [`order ${order.id} became ${status}, and nobody asked for it`];
    }),
  );
}

function expiredEarly({ snapshot, facts }: Evidence): string[] {
  return snapshot.orders.flatMap(({ id, events }) => {
    const [reserved, expired] = ["reserved", "expired"].map((status) =>
      events.find((event) => event.status === status),
    );
    if (expired === undefined) return [];
    const kept_ms = expired.at_ms - (reserved?.at_ms ?? Infinity);
    return kept_ms >= (facts.reservation_ms ?? Infinity) ? [] : [`order ${id} expired after ${Math.round(kept_ms)} ms`];
  });
}

function isNamedBy(call: Change, order: StoredOrder): boolean {
  if (call.kind === "pay") return order.payment_reference === call.input.reference;
  return call.kind !== "ship" || order.tracking === call.input.tracking;
}

function describe({ status, payment_reference, tracking }: StoredOrder): string {
  return `${status} (payment ${payment_reference ?? "none"}, parcel ${tracking ?? "none"})`;
}
