import type { StoredOrder } from "../snapshot.ts";
import { callsOf, changesOf, type Check, describeLines, describeOutput, type Evidence } from "./evidence.ts";

const NOT_FOUND = 404;
/** After the end of a reservation, until a worker has to have seen it. */
const GRACE_MS = 5_000;

/**
 * What was acknowledged is there and has ended, nothing is there that nobody asked for, and no event is without its
 * order or an order without its event. Of an unknown call both are right: done once or not at all.
 */
export const checkTotalQueue: Check = (evidence) => [
  ...lost(evidence),
  ...vanished(evidence),
  ...fromNowhere(evidence),
  ...unended(evidence),
  ...unpublished(evidence),
];

function lost({ history, stored }: Evidence): string[] {
  return callsOf(history, "order").flatMap((call) => {
    if (call.outcome !== "ok") return [];
    const order = stored.get(call.output.id);
    if (order === undefined) return [`order ${call.output.id} was acknowledged by ${call.id} and is lost`];
    const [asked, kept] = [describeLines(call.input.lines), describeLines(order.items)];
    return asked === kept ? [] : [`order ${order.id} is of ${kept}, ${call.id} asked for ${asked}`];
  });
}

/** An order that its own buyer, or the staff, could not find after it had been acknowledged. */
function vanished({ history, stored, facts }: Evidence): string[] {
  const acknowledged = new Map<number, number>();
  for (const call of callsOf(history, "order")) {
    if (call.outcome !== "ok") continue;
    const { id } = call.output;
    acknowledged.set(id, Math.min(call.end_ms, acknowledged.get(id) ?? Infinity));
  }
  return [...callsOf(history, "read_order"), ...changesOf(history)].flatMap((call) => {
    const { order_id, user_id } = call.input;
    if (call.outcome !== "no" || call.status !== NOT_FOUND) return [];
    const mayFind = stored.get(order_id)?.user_id === user_id || facts.staff.includes(user_id);
    if (!mayFind || call.start_ms < (acknowledged.get(order_id) ?? Infinity)) return [];
    return [`order ${order_id} was acknowledged, and ${describeOutput(call)} did not find it`];
  });
}

function fromNowhere({ snapshot, byId }: Evidence): string[] {
  return snapshot.orders.flatMap((order) => {
    const call = byId.get(order.correlation_id);
    if (call === undefined || call.kind !== "order") return [`order ${order.id}: nobody asked for it`];
    if (call.outcome === "no") return [`order ${order.id} is there, and ${describeOutput(call)} was refused`];
    if (call.input.user_id !== order.user_id) {
      return [`order ${order.id} belongs to user ${order.user_id}, ${call.id} came from user ${call.input.user_id}`];
    }
    const [asked, kept] = [describeLines(call.input.lines), describeLines(order.items)];
    // What was acknowledged is compared already.
    return asked === kept || call.outcome === "ok" ? [] : [`order ${order.id} is of ${kept}, ${call.id} of ${asked}`];
  });
}

/** What is neither decided nor, long after its time, paid or ended has been forgotten. */
function unended({ snapshot, facts }: Evidence): string[] {
  const latest_ms = snapshot.at_ms - (facts.reservation_ms ?? Infinity) - GRACE_MS;
  const isForgotten = ({ status, events }: StoredOrder) =>
    status === "pending" || (status === "reserved" && (events.at(-1)?.at_ms ?? 0) < latest_ms);
  return snapshot.orders.filter(isForgotten).map((order) => `order ${order.id} is still ${order.status}`);
}

function unpublished({ snapshot, stored }: Evidence): string[] {
  const told = new Set(snapshot.placed.map((message) => message.order_id));
  const untold = snapshot.orders.filter((order) => !told.has(order.id));
  return [
    ...untold.map((order) => `order ${order.id} has no message`),
    ...snapshot.placed.flatMap(({ message_id, order_id, deliveries, open }) => {
      if (!stored.has(order_id)) return [`message ${message_id} tells of order ${order_id}, which does not exist`];
      if (deliveries === 0) return [`message ${message_id} of order ${order_id} has no delivery`];
      return open === 0 ? [] : [`message ${message_id} of order ${order_id} waits to be handled`];
    }),
  ];
}
