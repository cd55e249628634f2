import type { Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { readBatch, readBatchAfter } from "./documents.ts";
import { takeIndexTurn, writeBatch } from "./postgres-writes.ts";
import type { Rebuild } from "./rebuild-engine.ts";
import { inBuildersTurn } from "./rebuild-turn.ts";

/** Items that are written anew in one transaction; writers of the index wait as long. */
const PAGE_ROWS = 200;

/**
 * Writes PostgreSQL's index anew, page by page, under the searches: each row is as good as before or better, so there is
 * no gap; and a rebuild that is stopped has done a part of it.
 * @returns how many items it has, or "busy": somebody else is building
 */
export async function rebuildPostgres({ db, signal, onProgress }: Rebuild): Promise<number | "busy"> {
  return await inBuildersTurn(db, async () => {
    let indexed = 0;
    let last = 0;
    for (;;) {
      signal?.throwIfAborted();
      const after = last;
      const end = await db.transaction().execute(async (trx) => {
        await takeIndexTurn(trx);
        const batch = await readBatchAfter(trx, after, PAGE_ROWS);
        // Out and in again, so that each of its words is known with its spelling; counted they are at the end.
        await writeBatch(trx, { ...batch, documents: [], gone: batch.documents.map((document) => document.item_id) });
        await writeBatch(trx, batch);
        indexed += batch.documents.length;
        return batch.documents.at(-1);
      });
      if (end === undefined) break;
      last = end.item_id;
      onProgress?.(indexed);
    }
    await removeStrangers(db);
    await db.transaction().execute(async (trx) => {
      await takeIndexTurn(trx);
      await countTerms(trx);
    });
    return indexed;
  });
}

const STRANGERS = `
  SELECT item_id FROM item_search s
  WHERE NOT EXISTS (SELECT FROM items i WHERE i.id = s.item_id AND i.status = 'active')`;

async function removeStrangers(db: Rebuild["db"]): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await takeIndexTurn(trx);
    const strangers = await named<{ item_id: number }>(trx, "search_strangers", STRANGERS, []);
    const ids = strangers.map(({ item_id }) => item_id);
    if (ids.length > 0) await writeBatch(trx, await readBatch(trx, ids));
  });
}

/** In how many items each word is, as they have them. */
export const COUNTED = "SELECT term, count(*)::int AS items FROM item_search, unnest(terms) AS term GROUP BY term";
const COUNT_ANEW = `
  WITH counted AS (${COUNTED}),
  gone AS (
    DELETE FROM search_terms t WHERE NOT EXISTS (SELECT FROM counted c WHERE c.term = t.term) RETURNING 1
  ), changed AS (
    UPDATE search_terms t SET items = c.items FROM counted c WHERE c.term = t.term AND t.items <> c.items RETURNING 1
  )
  SELECT (SELECT count(*) FROM gone) + (SELECT count(*) FROM changed) AS wrong`;

/** Counts the words of all items anew. Call it in one's turn. @returns how many words were miscounted */
export async function countTerms(trx: Trx): Promise<number> {
  const [row] = await named<{ wrong: number }>(trx, "search_count_anew", COUNT_ANEW, []);
  return row?.wrong ?? 0;
}
