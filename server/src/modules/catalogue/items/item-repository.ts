import { sql } from "kysely";
import { violates } from "#src/platform/database/errors.ts";
import type { ListPage } from "#src/platform/context.ts";
import type { Db, DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { skuTaken } from "#src/modules/catalogue/errors.ts";
import type { Item, Product } from "./item-schemas.ts";

const ITEM_COLUMNS = [
  "id",
  "owner_id",
  "title",
  "description",
  "price_cents",
  "category",
  "tags",
  "sku",
  "tracked",
  "status",
  "version",
  "created_at",
  "updated_at",
] as const;

/** An item without its owner's name, which belongs to identity. */
export type ItemRow = Omit<Item, "owner">;

export function selectItems(db: DbOrTrx) {
  return db.selectFrom("items").select(ITEM_COLUMNS).where("status", "=", "active");
}

/** Items that are not on show: drafts, and what was archived, which only lists still tell of. */
export function selectUnlistedItems(db: DbOrTrx) {
  return db.selectFrom("items").select(ITEM_COLUMNS).where("status", "<>", "active");
}

export function selectProducts(db: DbOrTrx, status: Product["status"] = "active") {
  return db.selectFrom("all_products").selectAll().$castTo<Product>().where("status", "=", status);
}

const FIND_ITEMS = `
  SELECT ${ITEM_COLUMNS.join(", ")} FROM items WHERE id = ANY($1::bigint[]) AND status = 'active'`;

/** Whether an item has this tag, as a condition that an index answers. */
export function hasTag(tag: string) {
  return sql<boolean>`tags @> ARRAY[${tag}]::text[]`;
}

/** Those of these items that are on show, in any order. */
export async function findItems(db: DbOrTrx, ids: number[]): Promise<ItemRow[]> {
  return await named<ItemRow>(db, "items_find", FIND_ITEMS, [ids]);
}

const FIND_PRODUCTS = "SELECT * FROM all_products WHERE id = ANY($1::bigint[]) AND status = 'active'";

/** Those of these products that are on show, in any order. */
export async function findProducts(db: DbOrTrx, ids: number[]): Promise<Product[]> {
  return await named<Product>(db, "products_find", FIND_PRODUCTS, [ids]);
}

export async function findProduct(db: DbOrTrx, id: number): Promise<Product | undefined> {
  return await selectProducts(db).where("id", "=", id).executeTakeFirst();
}

/** Holds the row, whatever its status, until the transaction ends, so that what was checked about it stays true. */
export async function lockItem(trx: Trx, id: number): Promise<ItemRow | undefined> {
  return await trx.selectFrom("items").select(ITEM_COLUMNS).where("id", "=", id).forNoKeyUpdate().executeTakeFirst();
}

export async function findDraft(db: DbOrTrx, id: number): Promise<ItemRow | undefined> {
  return await selectUnlistedItems(db).where("id", "=", id).where("status", "=", "draft").executeTakeFirst();
}

export async function findUnlistedProduct(db: DbOrTrx, id: number): Promise<Product | undefined> {
  return await db
    .selectFrom("all_products")
    .selectAll()
    .$castTo<Product>()
    .where("id", "=", id)
    .where("status", "<>", "active")
    .executeTakeFirst();
}

export type ItemFields = {
  title: string;
  description: string;
  price_cents: number;
  category: string | null;
  tags: string[];
  sku: string | null;
  status: Item["status"];
};

/** What an item is when nothing else is said of it. */
export const NOTHING_SAID: Omit<ItemFields, "title"> = {
  description: "",
  price_cents: 0,
  category: null,
  tags: [],
  sku: null,
  status: "active",
};

export async function insertItem(
  trx: Trx,
  item: ItemFields & { owner_id: number; tracked: boolean },
): Promise<ItemRow> {
  return await refuseTakenSku(() =>
    trx.insertInto("items").values(item).returning(ITEM_COLUMNS).executeTakeFirstOrThrow(),
  );
}

export async function updateItem(trx: Trx, id: number, change: Partial<ItemFields>): Promise<ItemRow> {
  const update = trx
    .updateTable("items")
    .set({ ...change, version: sql`version + 1`, updated_at: sql`now()` })
    .where("id", "=", id)
    .returning(ITEM_COLUMNS);
  return await refuseTakenSku(() => update.executeTakeFirstOrThrow());
}

async function refuseTakenSku<T>(write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (violates(error, "items_sku_unique")) throw skuTaken({ errors: [{ path: "sku", message: "is taken" }] });
    throw error;
  }
}

export async function deleteItem(trx: Trx, id: number): Promise<void> {
  await trx.deleteFrom("items").where("id", "=", id).execute();
}

export async function archiveItem(trx: Trx, id: number): Promise<void> {
  await trx
    .updateTable("items")
    .set({ status: "archived", version: sql`version + 1`, updated_at: sql`now()` })
    .where("id", "=", id)
    .execute();
}

/** All items of a user, archived ones too, for an export. */
export async function listItemsOf(db: Db, owner_id: number, { after = 0, limit }: ListPage) {
  return await db
    .selectFrom("items")
    .select([...ITEM_COLUMNS, "status"])
    .where("owner_id", "=", owner_id)
    .where("id", ">", Number(after))
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** Removes what a user has listed that is not sold from the shop's stock, and so is in no order. @returns the ids */
export async function deleteOwnItems(trx: Trx, owner_id: number): Promise<number[]> {
  const own = trx.deleteFrom("items").where("owner_id", "=", owner_id).where("tracked", "=", false);
  return (await own.returning("id").execute()).map((row) => row.id);
}

/** The ids of all items of these users. */
export async function listIdsOf(trx: Trx, owner_ids: number[]): Promise<number[]> {
  const rows = await trx.selectFrom("items").select("id").where("owner_id", "in", owner_ids).execute();
  return rows.map((row) => row.id);
}
