import type { Trx } from "#src/platform/database/database.ts";
import { isAllowed } from "#src/permissions.ts";
import type { User } from "#src/platform/http/app.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { itemNotFound, notItsOwner, productNotFound } from "#src/modules/catalogue/errors.ts";
import { takeDownItem, writeItem } from "./item-writes.ts";
import { type ItemFields, type ItemRow, lockItem } from "./item-repository.ts";

/** Refuses a version that is not the one the client has seen (412); does nothing when it did not say. */
export type VersionCheck = (version: number) => void;

/** Changes an item of one's own; an admin may change any. */
export async function changeItem(
  trx: Trx,
  input: { id: number; user: User; origin: Origin; checkVersion: VersionCheck; change: Partial<ItemFields> },
): Promise<ItemRow> {
  await lockOwnItem(trx, input);
  return await writeItem(trx, input.origin, input);
}

/** Changes an item as what it is to the shop, a product; whose it is does not matter to the staff. */
export async function changeProduct(
  trx: Trx,
  input: { id: number; origin: Origin; checkVersion: VersionCheck; change: Partial<ItemFields> },
): Promise<ItemRow> {
  const item = await lockItem(trx, input.id);
  if (item === undefined || !item.tracked || isGone(item, input.change)) throw productNotFound();
  input.checkVersion(item.version);
  return await writeItem(trx, input.origin, input);
}

/** Removes an item; one that an order ever held is archived instead, because a ledger speaks of it. */
export async function removeItem(
  trx: Trx,
  input: { id: number; user: User; origin: Origin; checkVersion: VersionCheck },
): Promise<void> {
  await lockOwnItem(trx, input);
  await takeDownItem(trx, input.origin, input.id);
}

async function lockOwnItem(
  trx: Trx,
  input: { id: number; user: User; checkVersion: VersionCheck; change?: Partial<ItemFields> },
): Promise<void> {
  const item = await lockItem(trx, input.id);
  if (item === undefined || isGone(item, input.change ?? {})) throw itemNotFound();
  const { user } = input;
  if (item.status !== "active" && !isAllowed("item.read_unlisted", user, item.owner_id)) throw itemNotFound();
  if (!isAllowed("item.change", user, item.owner_id)) throw notItsOwner();
  input.checkVersion(item.version);
}

/** What was taken down is gone for everybody, but for the one who puts it up again. */
function isGone(item: ItemRow, change: Partial<ItemFields>): boolean {
  return item.status === "archived" && (change.status === undefined || change.status === "archived");
}
