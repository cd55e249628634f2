import type { Context } from "#src/platform/context.ts";
import { type Answer, answerOnce, type KeyUse } from "#src/platform/database/idempotency.ts";
import type { User } from "#src/platform/http/app.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { productNotFound, stockInUse, stockTooLarge } from "#src/modules/catalogue/errors.ts";
import { announceAvailability, announceLowStock } from "#src/modules/catalogue/items/item-writes.ts";
import { findProduct } from "#src/modules/catalogue/items/item-repository.ts";
import { MAX_STOCK, type Movement } from "./stock-schemas.ts";
import { lockLevels, writeAdjustment } from "./stock-repository.ts";

/**
 * Adds to or takes from what is on hand, and writes why.
 * @throws stockInUse (409) when less would be left than orders have reserved, and less than nothing is never left
 */
export async function adjustStock(
  context: Context,
  input: { item_id: number; delta: number; reason: string; user: User; origin: Origin; use: KeyUse | undefined },
): Promise<Answer<Movement>> {
  const { item_id, delta, reason, user, origin } = input;
  return await answerOnce(context, input.use, async (trx) => {
    const [level] = await lockLevels(trx, [item_id]);
    if (level === undefined || (await findProduct(trx, item_id)) === undefined) throw productNotFound();
    const on_hand = level.on_hand + delta;
    if (on_hand < level.reserved) {
      throw stockInUse({ detail: `${level.on_hand} on hand, ${level.reserved} of them reserved, ${delta} asked for` });
    }
    if (on_hand > MAX_STOCK) throw stockTooLarge({ errors: [{ path: "delta", message: `leads above ${MAX_STOCK}` }] });
    const { correlation_id } = origin;
    const before = level.on_hand - level.reserved;
    if ((before === 0) !== (before + delta === 0)) await announceAvailability(trx, [{ origin, item_id }]);
    const low_stock_threshold = level.low_stock_threshold;
    await announceLowStock(trx, [{ origin, item_id, taken: -delta, available: before + delta, low_stock_threshold }]);
    const movement = await writeAdjustment(trx, { item_id, delta, reason, user_id: user.id, correlation_id });
    return { status: 201, location: `/api/v2/products/${item_id}/movements`, body: movement };
  });
}
