import type { Trx } from "#src/platform/database/database.ts";
import type { Message } from "#src/platform/messaging/event.ts";
import { newOrigin } from "#src/platform/telemetry/origin.ts";
import { forgetItems } from "./item-cache.ts";
import { announceItems } from "./item-writes.ts";
import { deleteOwnItems, listIdsOf } from "./item-repository.ts";

/** Removes what a user has listed, and makes search and caches forget it; what is the shop's stays under an id. */
export async function forgetOwner(trx: Trx, user_id: number): Promise<void> {
  const gone = await deleteOwnItems(trx, user_id);
  const origin = newOrigin({ user_id });
  await announceItems(
    trx,
    gone.map((item_id) => ({ origin, item_id })),
  );
  forgetItems(trx, await listIdsOf(trx, [user_id]));
}

/** Makes caches forget the items of people who have another name now: it is shown with each of them. */
export async function showNewName(trx: Trx, messages: Message<{ user_id: number }>[]): Promise<void> {
  forgetItems(
    trx,
    await listIdsOf(
      trx,
      messages.map(({ payload }) => payload.user_id),
    ),
  );
}
