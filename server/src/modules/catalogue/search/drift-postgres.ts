import { type Check, NAMED_OFFENDERS } from "#src/platform/database/check.ts";
import type { DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { listWaiting } from "#src/platform/messaging/waiting.ts";
import { readBatch } from "./documents.ts";
import { takeIndexTurn, writeBatch } from "./postgres-writes.ts";
import { COUNTED, countTerms } from "./rebuild-postgres.ts";

/** Items that are written anew at once. */
const REPAIR_ROWS = 200;

/** What PostgreSQL's index says must be what the items say, apart from what the worker has yet to be told. */
export const postgresIndexChecks: Check[] = [
  {
    name: "search: the index in PostgreSQL says what the items say",
    async find(trx) {
      return (await findDrift(trx)).slice(0, NAMED_OFFENDERS).map(describe);
    },
    async repair(trx) {
      await takeIndexTurn(trx);
      const drifted = await findDrift(trx);
      await indexAnew(
        trx,
        drifted.map(({ item_id }) => item_id),
      );
      return drifted.length;
    },
  },
  {
    name: "search: the words are counted as the items have them",
    async find(trx) {
      const rows = await named<Miscount>(trx, "search_miscounted", MISCOUNTED, [NAMED_OFFENDERS]);
      return rows.map(({ term, told, counted }) => `"${term}": ${told ?? "no row"}, in ${counted ?? 0} items`);
    },
    async repair(trx) {
      await takeIndexTurn(trx);
      // A word without a row needs its spelling, which the items have that it is in.
      const rows = await named<{ item_id: number }>(trx, "search_wordless", WORDLESS, []);
      await indexAnew(
        trx,
        rows.map(({ item_id }) => item_id),
      );
      return rows.length + (await countTerms(trx));
    },
  },
];

/** An item that an index knows otherwise than it is; null: it is not there at all. */
export type Drift = { item_id: number; version: number | null; indexed: number | null };
type Miscount = { term: string; told: number | null; counted: number | null };

const DRIFTED = `
  SELECT item_id, i.version, s.version AS indexed
  FROM (SELECT id AS item_id, * FROM items WHERE status = 'active') i FULL JOIN item_search s USING (item_id)
  WHERE (i.version, i.title, i.category, i.tags, i.sku, i.price_cents)
    IS DISTINCT FROM (s.version, s.title, s.category, s.tags, s.sku, s.price_cents)
    AND NOT item_id = ANY($1::bigint[])
  ORDER BY item_id`;
const MISCOUNTED = `
  SELECT term, t.items AS told, c.items AS counted FROM search_terms t FULL JOIN (${COUNTED}) c USING (term)
  WHERE t.items IS DISTINCT FROM c.items ORDER BY term LIMIT $1`;
const WORDLESS = `
  SELECT item_id FROM item_search s
  WHERE EXISTS (SELECT FROM unnest(s.terms) AS term WHERE NOT EXISTS (SELECT FROM search_terms t WHERE t.term = term))
  ORDER BY item_id`;

/** What is wrong with an item in an index, in a line. */
export function describe({ item_id, version, indexed }: Drift): string {
  if (indexed === null) return `item ${item_id} is not in it`;
  if (version === null) return `item ${item_id} is in it, and not for sale`;
  return version === indexed
    ? `item ${item_id} differs in it`
    : `item ${item_id}: version ${version}, in the index ${indexed}`;
}

/** The items that messages to these consumers are still about. */
export async function findWaiting(db: DbOrTrx, consumers: string[]): Promise<number[]> {
  return (await listWaiting<{ item_id: number }>(db, consumers)).map(({ item_id }) => item_id);
}

async function findDrift(trx: Trx): Promise<Drift[]> {
  return await named<Drift>(trx, "search_drifted", DRIFTED, [await findWaiting(trx, ["catalogue.index"])]);
}

// Out and in again, so that each of its words is known with its spelling.
async function indexAnew(trx: Trx, item_ids: number[]): Promise<void> {
  for (let at = 0; at < item_ids.length; at += REPAIR_ROWS) {
    const ids = item_ids.slice(at, at + REPAIR_ROWS);
    const batch = await readBatch(trx, ids);
    await writeBatch(trx, { ...batch, documents: [], gone: ids });
    await writeBatch(trx, batch);
  }
}
