import type { DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import type { IndexBatch, SearchDocument } from "./search-index.ts";

const COLUMNS = `
  i.id AS item_id, i.title, i.description, i.category, i.tags, i.sku, i.price_cents, l.on_hand > l.reserved AS in_stock,
  i.version, i.created_at
  FROM items i LEFT JOIN stock_levels l ON l.item_id = i.id AND i.tracked`;

/**
 * Reads items as they are now, for an index. Call it in a transaction that reads what is committed at each statement: the
 * revision is drawn first, and must not be newer than what is read.
 * @returns what to index, and the ids of items that are not to be found any more: archived, deleted, never there
 */
export async function readBatch(trx: Trx, item_ids: number[]): Promise<IndexBatch> {
  const revision = await drawRevision(trx);
  const documents = await named<SearchDocument>(
    trx,
    "search_documents",
    `SELECT ${COLUMNS} WHERE i.id = ANY($1::bigint[]) AND i.status = 'active' ORDER BY i.id`,
    [item_ids],
  );
  const found = new Set(documents.map((document) => document.item_id));
  return { revision, documents, gone: [...new Set(item_ids)].filter((id) => !found.has(id)) };
}

/** Reads the items behind this id, in the order of their ids: for whoever goes through all of them. */
export async function readBatchAfter(trx: Trx, after_id: number, limit: number): Promise<IndexBatch> {
  const revision = await drawRevision(trx);
  const documents = await named<SearchDocument>(
    trx,
    "search_documents_after",
    `SELECT ${COLUMNS} WHERE i.id > $1 AND i.status = 'active' ORDER BY i.id LIMIT $2`,
    [after_id, limit],
  );
  return { revision, documents, gone: [] };
}

async function drawRevision(db: DbOrTrx): Promise<number> {
  const [drawn] = await named<{ revision: number }>(
    db,
    "search_revision",
    "SELECT nextval('item_search_revisions') AS revision",
    [],
  );
  if (drawn === undefined) throw new Error("the sequence gave no number");
  return drawn.revision;
}
