import type { Context } from "#src/platform/context.ts";
import { violates } from "#src/platform/database/errors.ts";
import { type Answer, answerOnce, type KeyUse } from "#src/platform/database/idempotency.ts";
import { isAllowed } from "#src/permissions.ts";
import type { User } from "#src/platform/http/app.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { foreignOwner, ownerUnknown } from "#src/modules/catalogue/errors.ts";
import { addItem } from "./item-writes.ts";
import { withOwner } from "./owners.ts";
import { NOTHING_SAID } from "./item-repository.ts";
import type { Item, NewItem } from "./item-schemas.ts";

/** Lists an item. It belongs to whoever lists it; only an admin may list one for somebody else (REQUIREMENTS K5). */
export async function createItem(
  context: Context,
  input: { user: User; origin: Origin; item: NewItem; use: KeyUse | undefined },
): Promise<Answer<Item>> {
  const { user, use } = input;
  const { owner_id = user.id, ...said } = input.item;
  if (owner_id !== user.id && !isAllowed("item.create_for_others", user)) throw foreignOwner();
  const fields = { ...NOTHING_SAID, ...said, owner_id, tracked: false };
  try {
    return await answerOnce(context, use, async (trx) => {
      const item = await addItem(trx, input.origin, fields);
      return { status: 201, location: `/api/v1/items/${item.id}`, body: await withOwner(trx, item) };
    });
  } catch (error) {
    if (!violates(error, "items_owner_id_fkey")) throw error;
    throw ownerUnknown({ errors: [{ path: "owner_id", message: `there is no user ${owner_id}` }] });
  }
}
