import { priceProducts } from "#src/modules/catalogue/public.ts";
import type { Trx } from "#src/platform/database/database.ts";

/**
 * The defect `price_not_fixed`: writes the prices of this moment into orders that were accepted with earlier ones.
 * No order may ever be treated like this; the tests of faults have to notice it.
 */
export async function repriceOrders(trx: Trx, order_ids: number[]): Promise<void> {
  const lines = await trx.selectFrom("order_items").selectAll().where("order_id", "in", order_ids).execute();
  const prices = await priceProducts(
    trx,
    lines.map((line) => line.product_id),
  );
  for (const { order_id, product_id, unit_price_cents, quantity } of lines) {
    const now = prices.get(product_id)?.price_cents ?? unit_price_cents;
    const change = (now - unit_price_cents) * quantity;
    await trx
      .updateTable("order_items")
      .set({ unit_price_cents: now })
      .where("order_id", "=", order_id)
      .where("product_id", "=", product_id)
      .execute();
    await trx
      .updateTable("orders")
      .set((column) => ({ total_cents: column("total_cents", "+", change) }))
      .where("id", "=", order_id)
      .execute();
  }
}
