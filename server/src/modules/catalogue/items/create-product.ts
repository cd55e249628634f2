import type { Context } from "#src/platform/context.ts";
import { type Answer, answerOnce, type KeyUse } from "#src/platform/database/idempotency.ts";
import type { User } from "#src/platform/http/app.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { productNotFound } from "#src/modules/catalogue/errors.ts";
import { addItem } from "./item-writes.ts";
import { findProduct, findUnlistedProduct, NOTHING_SAID } from "./item-repository.ts";
import type { NewProduct, Product } from "./item-schemas.ts";
import { insertLevel, writeAdjustment } from "#src/modules/catalogue/stock/stock-repository.ts";

/** Puts a product on the shelf: an item that is sold from stock. Its first stock is a movement like any later one. */
export async function createProduct(
  context: Context,
  input: { user: User; origin: Origin; product: NewProduct; use: KeyUse | undefined },
): Promise<Answer<Product>> {
  const { user, origin, use } = input;
  const { name: title, stock = 0, ...said } = input.product;
  const fields = { ...NOTHING_SAID, ...said, title, owner_id: user.id, tracked: true };
  return await answerOnce(context, use, async (trx) => {
    const { id: item_id } = await addItem(trx, origin, fields);
    await insertLevel(trx, item_id);
    const { correlation_id } = origin;
    if (stock > 0) {
      await writeAdjustment(trx, { item_id, delta: stock, reason: "first stock", user_id: user.id, correlation_id });
    }
    const isDraft = fields.status === "draft";
    const product = await (isDraft ? findUnlistedProduct : findProduct)(trx, item_id);
    if (product === undefined) throw productNotFound();
    return { status: 201, location: `/api/v2/products/${item_id}`, body: product };
  });
}
