import type { Call, CallOf, Kind, Line, OrderStatus, SeenOrder } from "../history.ts";
import type { Movement, Snapshot, StoredOrder } from "../snapshot.ts";

/** What was so before the load began: what each product had in stock and cost, and who may see the orders of others. */
export type Facts = {
  products: { id: number; stock: number; price_cents: number }[];
  staff: number[];
  /** how long an order is kept for its buyer; absent: longer than the run */
  reservation_ms?: number;
  /** what the staff is told of journeys when all is over */
  journeys?: Journey[];
};

/** What `GET /operations/journeys/{correlation_id}` tells. */
export type Journey = { correlation_id: string; entries: JourneyEntry[] };
export type JourneyEntry = { kind: string; what: string; details: Record<string, unknown> };

/** What an order has of the stock: pieces that are kept for it, pieces that have left with it, or none. */
const HOLDS: Partial<Record<OrderStatus, "open" | "shipped">> = {
  reserved: "open",
  paid: "open",
  shipped: "shipped",
  delivered: "shipped",
};

export function holdingOf({ status }: { status: OrderStatus }): "open" | "shipped" | "nothing" {
  return HOLDS[status] ?? "nothing";
}

const CHANGES = new Set<Kind>(["cancel", "pay", "ship", "deliver"]);
export type Change = CallOf<"cancel"> | CallOf<"pay"> | CallOf<"ship"> | CallOf<"deliver">;

function isChange(call: Call): call is Change {
  return CHANGES.has(call.kind);
}

/** Calls that take an order a step further. */
export function changesOf(history: Call[]): Change[] {
  return history.filter(isChange);
}

/** A client's look at an order. */
export type Sight = { call: Call; order: SeenOrder };

/** History and snapshot, arranged so that the checks find things in them. */
export type Evidence = {
  history: Call[];
  snapshot: Snapshot;
  facts: Facts;
  byId: Map<string, Call>;
  stored: Map<number, StoredOrder>;
  /** by order, in the order in which the answers came; without answers that were replayed, which tell of the past */
  sights: Map<number, Sight[]>;
  /** by order */
  movements: Map<number, Movement[]>;
};

/** A check: what it finds wrong, each in a line. */
export type Check = (evidence: Evidence) => string[];

export function arrange(history: Call[], snapshot: Snapshot, facts: Facts): Evidence {
  const seen = history.flatMap(sightsOf).toSorted((one, other) => one.call.end_ms - other.call.end_ms);
  const ofOrders = snapshot.movements.filter((movement) => movement.order_id !== null);
  return {
    history,
    snapshot,
    facts,
    byId: new Map(history.map((call) => [call.id, call])),
    stored: new Map(snapshot.orders.map((order) => [order.id, order])),
    sights: Map.groupBy(seen, (sight) => sight.order.id),
    movements: Map.groupBy(ofOrders, (movement) => movement.order_id ?? 0),
  };
}

export function callsOf<K extends Kind>(history: Call[], kind: K): CallOf<K>[] {
  return history.filter((call) => call.kind === kind) as CallOf<K>[];
}

/** The lines of an order in one form: merged, ascending. */
export function describeLines(lines: Line[]): string {
  const wanted = new Map<number, number>();
  for (const { product_id, quantity } of lines) wanted.set(product_id, (wanted.get(product_id) ?? 0) + quantity);
  const merged = [...wanted].toSorted(([one], [other]) => one - other);
  return merged.map(([product_id, quantity]) => `${quantity} x ${product_id}`).join(", ") || "nothing";
}

export function describeOutput(call: Call): string {
  return `${call.id} (${call.kind}, ${call.outcome}${call.status === null ? "" : ` ${call.status}`})`;
}

function sightsOf(call: Call): Sight[] {
  if (call.outcome !== "ok") return [];
  if (call.kind === "list_orders") return call.output.orders.map((order) => ({ call, order }));
  if (call.kind === "order") return call.output.replayed === true ? [] : [{ call, order: call.output }];
  if (call.kind === "read_order") return [{ call, order: call.output }];
  return isChange(call) && call.outcome === "ok" ? [{ call, order: call.output }] : [];
}
