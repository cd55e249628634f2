import type { Price } from "#src/modules/catalogue/public.ts";
import { MAX_MONEY_CENTS } from "#src/platform/http/schemas.ts";
import { notAProduct, quantityTooLarge, totalTooLarge } from "./errors.ts";
import { MAX_QUANTITY, type NewOrderLine, type OrderLine } from "./schemas.ts";

export type PricedOrder = { lines: OrderLine[]; total_cents: number };

/**
 * Fixes the prices of an order: lines of one product are merged, in the order in which it first appears.
 * @returns the priced order, or as a value the problem that refuses it, naming the lines that are at fault
 */
export function priceOrder(
  items: NewOrderLine[],
  prices: ReadonlyMap<number, Price>,
): { value: PricedOrder } | { error: Error } {
  const unknown = items.flatMap(({ product_id }, index) =>
    prices.has(product_id)
      ? []
      : [{ path: `items[${index}].product_id`, message: `there is no product ${product_id}` }],
  );
  if (unknown.length > 0) return { error: notAProduct({ errors: unknown }) };

  const lines = new Map<number, OrderLine>();
  for (const { product_id, quantity } of items) {
    const line = lines.get(product_id);
    const price = prices.get(product_id);
    if (line !== undefined) line.quantity += quantity;
    else if (price !== undefined) {
      lines.set(product_id, { product_id, name: price.name, quantity, unit_price_cents: price.price_cents });
    }
  }
  const merged = [...lines.values()];
  const tooMuch = merged.find((line) => line.quantity > MAX_QUANTITY);
  if (tooMuch !== undefined) {
    const detail = `product ${tooMuch.product_id}: ${tooMuch.quantity} altogether, at most ${MAX_QUANTITY} are allowed`;
    return { error: quantityTooLarge({ detail, errors: [{ path: "items", message: detail }] }) };
  }
  const total_cents = merged.reduce((sum, line) => sum + line.quantity * line.unit_price_cents, 0);
  if (total_cents > MAX_MONEY_CENTS) {
    const detail = `${total_cents} cents altogether, at most ${MAX_MONEY_CENTS} are allowed`;
    return { error: totalTooLarge({ detail, errors: [{ path: "items", message: detail }] }) };
  }
  return { value: { lines: merged, total_cents } };
}
