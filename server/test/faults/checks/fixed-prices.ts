import type { SeenOrder } from "../history.ts";
import { callsOf, type Check, type Evidence } from "./evidence.ts";

/** When a price may have come into force, and when it had certainly been in force. */
type PriceChange = { price_cents: number; from_ms: number; done_ms: number };

/** An order costs what its products cost when it was accepted, and never anything else afterwards. */
export const checkFixedPrices: Check = (evidence) => {
  const changes = priceChanges(evidence);
  return evidence.snapshot.orders.flatMap((order) => [
    ...wrongTotal(order),
    ...wrongPrices(evidence, changes, order),
    ...(evidence.sights.get(order.id) ?? []).flatMap(({ call, order: seen }) =>
      pricesOf(seen) === pricesOf(order)
        ? []
        : [`order ${order.id} cost ${pricesOf(seen)} for ${call.id}, and costs ${pricesOf(order)} at last`],
    ),
  ]);
};

function wrongTotal(order: SeenOrder): string[] {
  const sum = order.items.reduce((total, line) => total + line.quantity * line.unit_price_cents, 0);
  return sum === order.total_cents ? [] : [`order ${order.id} costs ${order.total_cents}, its lines ${sum}`];
}

function wrongPrices(
  { byId, snapshot }: Evidence,
  changes: Map<number, PriceChange[]>,
  order: SeenOrder & { correlation_id: string },
): string[] {
  const call = byId.get(order.correlation_id);
  if (call === undefined) return [];
  // One whose answer was lost may have been carried out later.
  const accepted = [call.start_ms, call.outcome === "ok" ? call.end_ms : snapshot.taken_at_ms] as const;
  return order.items.flatMap(({ product_id, unit_price_cents }) => {
    const known = changes.get(product_id) ?? [];
    const isRight = known.some(
      (change) => change.price_cents === unit_price_cents && mayApply(change, known, accepted),
    );
    return isRight
      ? []
      : [`order ${order.id}: product ${product_id} never cost ${unit_price_cents} while ${call.id} ran`];
  });
}

/** Whether a price may have been in force at some moment of an interval: begun, and not replaced for certain before. */
function mayApply(change: PriceChange, all: PriceChange[], [from_ms, to_ms]: readonly [number, number]): boolean {
  const earliest = Math.max(from_ms, change.from_ms);
  const isReplaced = all.some((other) => other.from_ms > change.done_ms && other.done_ms < earliest);
  return earliest <= to_ms && !isReplaced;
}

function priceChanges({ history, facts }: Evidence): Map<number, PriceChange[]> {
  const first = facts.products.map(({ id, price_cents }) => {
    return { product_id: id, price_cents, from_ms: -Infinity, done_ms: -Infinity };
  });
  const later = callsOf(history, "change_price").flatMap(({ outcome, input, start_ms, end_ms }) => {
    return outcome === "no" ? [] : [{ ...input, from_ms: start_ms, done_ms: outcome === "ok" ? end_ms : Infinity }];
  });
  return Map.groupBy([...first, ...later], (change) => change.product_id);
}

function pricesOf(order: SeenOrder): string {
  const lines = order.items.toSorted((one, other) => one.product_id - other.product_id);
  return `${order.total_cents} (${lines.map((line) => `${line.product_id} at ${line.unit_price_cents}`).join(", ")})`;
}
