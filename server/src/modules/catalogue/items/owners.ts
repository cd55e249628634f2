import { listPeople } from "#src/modules/identity/public.ts";
import type { DbOrTrx } from "#src/platform/database/database.ts";
import type { ItemRow } from "./item-repository.ts";
import type { Item } from "./item-schemas.ts";

/** Puts the owners' names to items: one statement, whatever the size of the page. */
export async function withOwners(db: DbOrTrx, items: ItemRow[]): Promise<Item[]> {
  const people = await listPeople(
    db,
    items.map((item) => item.owner_id),
  );
  return items.map((item) => {
    const owner = people.get(item.owner_id) ?? { id: item.owner_id, full_name: "" };
    return { ...item, owner };
  });
}

export async function withOwner(db: DbOrTrx, item: ItemRow): Promise<Item> {
  const [owned] = await withOwners(db, [item]);
  if (owned === undefined) throw new Error("an item went missing on the way to its owner");
  return owned;
}
