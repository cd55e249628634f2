import type { Trx } from "#src/platform/database/database.ts";
import { publish } from "#src/platform/messaging/publish.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { itemChanged, productAvailabilityChanged, stockLow } from "#src/modules/catalogue/events.ts";
import { forgetItems } from "./item-cache.ts";
import { archiveItem, deleteItem, insertItem, type ItemFields, type ItemRow, updateItem } from "./item-repository.ts";
import { type Taken, wasReserved } from "#src/modules/catalogue/stock/stock-repository.ts";

// Items are written here and nowhere else, so that no change goes without the event which search and caches live on.

export async function addItem(
  trx: Trx,
  origin: Origin,
  fields: ItemFields & { owner_id: number; tracked: boolean },
): Promise<ItemRow> {
  const item = await insertItem(trx, fields);
  await announceItems(trx, [{ origin, item_id: item.id }]);
  return item;
}

/** Changes an item; call it with its row locked. */
export async function writeItem(
  trx: Trx,
  origin: Origin,
  { id, change }: { id: number; change: Partial<ItemFields> },
): Promise<ItemRow> {
  const item = await updateItem(trx, id, change);
  await announceItems(trx, [{ origin, item_id: id }]);
  return item;
}

/** Takes an item down; one that an order ever held is archived instead, because a ledger speaks of it. */
export async function takeDownItem(trx: Trx, origin: Origin, id: number): Promise<void> {
  if (await wasReserved(trx, id)) await archiveItem(trx, id);
  else await deleteItem(trx, id);
  await announceItems(trx, [{ origin, item_id: id }]);
}

/** For items that were written many at once: tells that they changed, in the transaction that did it. */
export async function announceItems(trx: Trx, changed: { origin: Origin; item_id: number }[]): Promise<void> {
  const ids = changed.map(({ item_id }) => item_id);
  forgetItems(trx, ids);
  await publish(
    trx,
    itemChanged,
    changed.map(({ origin, item_id }) => ({ origin, payload: { item_id } })),
  );
}

/** Tells that a product ran out or came back; call it where the level changed, with the level locked. */
export async function announceAvailability(trx: Trx, changed: { origin: Origin; item_id: number }[]): Promise<void> {
  await publish(
    trx,
    productAvailabilityChanged,
    changed.map(({ origin, item_id }) => ({ origin, payload: { item_id } })),
  );
}

/** Tells of products whose free stock has just gone down to their threshold or below; not again while it stays there. */
export async function announceLowStock(trx: Trx, levels: (Taken & { origin: Origin })[]): Promise<void> {
  const low = levels.flatMap(({ item_id, taken, available, low_stock_threshold: threshold, origin }) =>
    threshold !== null && available <= threshold && available + taken > threshold
      ? [{ origin, payload: { item_id, available, threshold } }]
      : [],
  );
  await publish(trx, stockLow, low);
}
