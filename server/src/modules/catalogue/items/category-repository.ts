import type { Db } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";

/** A shop has dozens; more than this are somebody's free text. */
export const MAX_CATEGORIES = 1_000;

export type CategoryCount = { category: string; items: number; products: number };

export async function listCategories(db: Db): Promise<CategoryCount[]> {
  return await named<CategoryCount>(
    db,
    "categories_list",
    `SELECT category, count(*) AS items, count(*) FILTER (WHERE tracked) AS products FROM items
     WHERE status = 'active' AND category IS NOT NULL GROUP BY category ORDER BY category LIMIT $1`,
    [MAX_CATEGORIES],
  );
}
