import type { OrderStatus, SeenOrder } from "../history.ts";
import type { StoredOrder } from "../snapshot.ts";
import { type Check, describeOutput, type Evidence, type Sight } from "./evidence.ts";

/** The steps that an order may take, as the contract has them. */
const NEXT: Record<OrderStatus, OrderStatus[]> = {
  pending: ["reserved", "rejected", "cancelled"],
  reserved: ["paid", "cancelled", "expired"],
  rejected: [],
  cancelled: [],
  expired: [],
  paid: ["shipped", "cancelled"],
  shipped: ["delivered"],
  delivered: [],
};

/** Orders only go forward, by allowed steps: in every client's eyes, across all clients, and in their own history. */
export const checkMonotonicStatus: Check = (evidence) => [
  ...evidence.snapshot.orders.flatMap(brokenPath),
  ...[...evidence.sights.values()].flatMap((sights) => [...wentBack(sights), ...wentBackAtLast(evidence, sights)]),
];

function brokenPath(order: StoredOrder): string[] {
  const steps = order.events.map((event) => event.status);
  const isAllowed = steps.every((step, at) =>
    at === 0 ? step === "pending" : NEXT[steps[at - 1] ?? step].includes(step),
  );
  if (isAllowed && steps.at(-1) === order.status) return [];
  return [`order ${order.id} is ${order.status} after ${steps.join(", ") || "no step at all"}`];
}

/** Compares each sight with the last one that had ended before it began; what overlaps may have been either way round. */
function wentBack(sights: Sight[]): string[] {
  const byStart = sights.toSorted((one, other) => one.call.start_ms - other.call.start_ms);
  const found: string[] = [];
  let furthest: Sight | undefined;
  let ended = 0;
  for (const later of byStart) {
    for (let earlier = sights[ended]; earlier && earlier.call.end_ms < later.call.start_ms; earlier = sights[ended]) {
      ended += 1;
      if (furthest === undefined || reaches(furthest.order, earlier.order)) furthest = earlier;
    }
    if (furthest === undefined || reaches(furthest.order, later.order)) continue;
    found.push(
      `order ${later.order.id} was ${describe(furthest.order)} for ${describeOutput(furthest.call)}, ` +
        `then ${describe(later.order)} for ${describeOutput(later.call)}`,
    );
  }
  return found;
}

function wentBackAtLast({ stored }: Evidence, sights: Sight[]): string[] {
  return sights.flatMap(({ call, order }) => {
    const last = stored.get(order.id);
    // One that is gone is the total queue's business.
    if (last === undefined || reaches(order, { status: last.status, history: last.events })) return [];
    return [`order ${order.id} was ${describe(order)} for ${describeOutput(call)}, and is ${last.status} at last`];
  });
}

type State = Pick<SeenOrder, "status" | "history">;

function reaches(from: State, to: State): boolean {
  const known = to.history;
  const isPrefix =
    from.history === undefined ||
    known === undefined ||
    from.history.every((event, at) => event.status === known[at]?.status);
  return isPrefix && mayReach(from.status, to.status);
}

function mayReach(from: OrderStatus, to: OrderStatus): boolean {
  return from === to || NEXT[from].some((next) => mayReach(next, to));
}

function describe({ status, history }: State): string {
  return history === undefined ? status : `${status} (${history.map((event) => event.status).join(", ")})`;
}
