import type { Origin } from "#src/platform/telemetry/origin.ts";

export type StockLine = { item_id: number; quantity: number };
/** `origin` is what made this happen now; the ledger names the correlation id of the order itself. */
export type StockRequest = { order_id: number; correlation_id: string; origin: Origin; lines: StockLine[] };
/** What an order wanted of an item, and what was left of it when its turn came. */
export type Shortfall = { product_id: number; requested: number; available: number };
export type Allocation = { order_id: number; outcome: "reserved" | Shortfall[] };

/**
 * Decides in arrival order who gets what: each order all of its lines or none of them.
 * @param requests in the order in which they arrived; an item stands at most once in an order
 * @param available free stock by item; an item that is missing has none. It is not changed.
 */
export function allocate(requests: StockRequest[], available: ReadonlyMap<number, number>): Allocation[] {
  const left = new Map(available);
  return requests.map(({ order_id, lines }) => {
    const short = lines.filter((line) => (left.get(line.item_id) ?? 0) < line.quantity);
    if (short.length > 0) {
      const outcome = short.map(({ item_id, quantity }) => {
        return { product_id: item_id, requested: quantity, available: left.get(item_id) ?? 0 };
      });
      return { order_id, outcome };
    }
    for (const { item_id, quantity } of lines) left.set(item_id, (left.get(item_id) ?? 0) - quantity);
    return { order_id, outcome: "reserved" };
  });
}
