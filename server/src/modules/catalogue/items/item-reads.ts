import type { Context } from "#src/platform/context.ts";
import { coalesce } from "#src/platform/database/coalesce.ts";
import { withOwners } from "./owners.ts";
import { findItems, findProducts } from "./item-repository.ts";
import type { Item, Product } from "./item-schemas.ts";

/** What arrives while a statement runs becomes the next one: the hottest reads cost a share of a statement each. */
const READS = { maxBatch: 200, maxWaiting: 10_000, maxRunning: 2 };

export type ItemReads = {
  /** with its owner; undefined for one that is not on show */
  item(id: number): Promise<Item | undefined>;
  /** as it is now, availability too, and so never from a cache */
  product(id: number): Promise<Product | undefined>;
};

/** Single rows by their id, many requests in one statement. Nobody is given a row that was read before he asked. */
export function createItemReads({ db }: Pick<Context, "db">): ItemReads {
  return {
    item: coalesceById(async (ids) => await withOwners(db, await findItems(db, ids))),
    product: coalesceById((ids) => findProducts(db, ids)),
  };
}

function coalesceById<Row extends { id: number }>(
  find: (ids: number[]) => Promise<Row[]>,
): (id: number) => Promise<Row | undefined> {
  return coalesce<number, Row | undefined>(READS, async (ids) => {
    const rows = new Map((await find([...new Set(ids)])).map((row) => [row.id, row]));
    return ids.map((id) => ({ value: rows.get(id) }));
  });
}
