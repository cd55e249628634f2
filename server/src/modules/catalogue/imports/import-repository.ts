import { sql } from "kysely";
import type { Db, DbOrTrx, Trx } from "#src/platform/database/database.ts";
import type { ListPage } from "#src/platform/context.ts";
import type { Sweep } from "#src/platform/database/sweep.ts";
import { named } from "#src/platform/database/statement.ts";
import type { Taken } from "#src/modules/catalogue/stock/stock-repository.ts";
import type { COLUMNS, ReadLine } from "./product-lines.ts";
import type { ProductImport, ProductLine } from "./import-schemas.ts";

/** An item that a line's SKU belongs to already. `tracked`: it is a product; else somebody's item, and not to be touched. */
export type Known = { id: number; sku: string; tracked: boolean };

/** Locks the items that have these SKUs, in ascending id, until the transaction ends. */
export async function lockKnown(trx: Trx, skus: string[]): Promise<Known[]> {
  return await named<Known>(
    trx,
    "products_lock_by_sku",
    `SELECT id, sku, tracked FROM items WHERE sku = ANY($1::text[]) AND status = 'active'
     ORDER BY id FOR NO KEY UPDATE`,
    [skus],
  );
}

const RECORD = `jsonb_to_recordset($1::jsonb) AS t (id bigint, sku text, name text, description text, price_cents bigint,
  category text, tags text[], stock integer)`;

/** Puts new products on the shelf, with their first stock as a movement. @returns their ids by SKU */
export async function insertProducts(
  trx: Trx,
  lines: ProductLine[],
  by: { user_id: number; correlation_id: string; reason: string },
): Promise<Map<string, number>> {
  if (lines.length === 0) return new Map();
  const rows = await named<{ id: number; sku: string }>(
    trx,
    "products_insert_many",
    `WITH input AS (SELECT * FROM ${RECORD}), made AS (
       INSERT INTO items (owner_id, title, description, price_cents, category, tags, sku, tracked)
       SELECT $2, name, coalesce(description, ''), price_cents, category, coalesce(tags, '{}'), sku, true FROM input
       RETURNING id, sku
     ), levels AS (
       INSERT INTO stock_levels (item_id, on_hand) SELECT made.id, coalesce(input.stock, 0) FROM made JOIN input USING (sku)
     ), moved AS (
       INSERT INTO stock_movements (item_id, kind, on_hand_delta, reason, user_id, correlation_id)
       SELECT made.id, 'adjusted', input.stock, $4, $2, $3 FROM made JOIN input USING (sku) WHERE input.stock > 0
     )
     SELECT id, sku FROM made`,
    [JSON.stringify(lines), by.user_id, by.correlation_id, by.reason],
  );
  return new Map(rows.map((row) => [row.sku, row.id]));
}

/** Changes products to what the lines say; call it with them locked. @returns the ids of those that were not so before */
export async function updateProducts(trx: Trx, lines: (ProductLine & { id: number })[]): Promise<number[]> {
  if (lines.length === 0) return [];
  const rows = await named<{ id: number }>(
    trx,
    "products_update_many",
    `UPDATE items i SET title = t.name, price_cents = t.price_cents, description = coalesce(t.description, i.description),
       category = coalesce(t.category, i.category), tags = coalesce(t.tags, i.tags), version = version + 1,
       updated_at = now()
     FROM ${RECORD} WHERE i.id = t.id
       AND (i.title, i.price_cents, i.description, i.category, i.tags) IS DISTINCT FROM
         (t.name, t.price_cents, coalesce(t.description, i.description), coalesce(t.category, i.category),
          coalesce(t.tags, i.tags))
     RETURNING i.id`,
    [JSON.stringify(lines)],
  );
  return rows.map((row) => row.id);
}

/** Sets what is on hand to what was counted, the difference as a movement. @returns the levels that differed */
export async function setStock(
  trx: Trx,
  counted: { id: number; stock: number }[],
  by: { user_id: number; correlation_id: string; reason: string },
): Promise<Taken[]> {
  if (counted.length === 0) return [];
  return await named<Taken>(
    trx,
    "stock_set_many",
    `WITH counted AS (
       SELECT t.id, t.stock, t.stock - l.on_hand AS delta FROM ${RECORD} JOIN stock_levels l ON l.item_id = t.id
       WHERE t.stock <> l.on_hand
     ), moved AS (
       INSERT INTO stock_movements (item_id, kind, on_hand_delta, reason, user_id, correlation_id)
       SELECT id, 'adjusted', delta, $4, $2, $3 FROM counted
     )
     UPDATE stock_levels l SET on_hand = counted.stock FROM counted WHERE l.item_id = counted.id
     RETURNING l.item_id, -counted.delta AS taken, l.on_hand - l.reserved AS available, l.low_stock_threshold`,
    [JSON.stringify(counted), by.user_id, by.correlation_id, by.reason],
  );
}

export async function insertImport(
  trx: Trx,
  input: { user_id: number; correlation_id: string; lines: ReadLine[] },
): Promise<ProductImport> {
  const { user_id, correlation_id, lines } = input;
  const wrong = lines.filter((line) => line.mistake !== null).length;
  const job = await trx
    .insertInto("product_imports")
    .values({
      user_id,
      correlation_id,
      total: lines.length,
      refused: wrong,
      status: wrong > 0 ? "failed" : "queued",
      detail: wrong > 0 ? "nothing was written: see the lines that were refused" : null,
      finished_at: wrong > 0 ? sql`now()` : null,
    })
    .returning(IMPORT_COLUMNS)
    .executeTakeFirstOrThrow();
  await named(
    trx,
    "import_lines_insert",
    `INSERT INTO product_import_lines (import_id, line, sku, product, outcome, message)
     SELECT $2, line, sku, coalesce(product, 'null'), CASE WHEN mistake IS NULL THEN 'waiting' ELSE 'refused' END, mistake
     FROM jsonb_to_recordset($1::jsonb) AS t (line integer, sku text, product jsonb, mistake text) ORDER BY line`,
    [JSON.stringify(lines), job.id],
  );
  return job;
}

const IMPORT_COLUMNS = [
  "id",
  "status",
  "total",
  "done",
  "created",
  "updated",
  "unchanged",
  "refused",
  "detail",
  "user_id",
  "correlation_id",
  "created_at",
  "finished_at",
] as const;

export function selectImports(db: DbOrTrx) {
  return db.selectFrom("product_imports").select(IMPORT_COLUMNS);
}

export async function findImport(db: DbOrTrx, id: number): Promise<ProductImport | undefined> {
  return await selectImports(db).where("id", "=", id).executeTakeFirst();
}

export function selectImportLines(db: Db, import_id: number) {
  return db
    .selectFrom("product_import_lines")
    .select(["id", "line", "sku", "outcome", "message", "item_id"])
    .where("import_id", "=", import_id);
}

export async function listWaiting(trx: Trx, import_id: number): Promise<{ line: number; product: ProductLine }[]> {
  const rows = await trx
    .selectFrom("product_import_lines")
    .select(["line", "product"])
    .where("import_id", "=", import_id)
    .orderBy("line")
    .execute();
  return rows as { line: number; product: ProductLine }[];
}

export type LineResult = { line: number; outcome: string; message?: string; item_id?: number };

async function writeOutcomes(trx: Trx, import_id: number, results: LineResult[]): Promise<void> {
  await named(
    trx,
    "import_lines_outcome",
    `UPDATE product_import_lines l SET outcome = t.outcome, message = t.message, item_id = t.item_id
     FROM jsonb_to_recordset($2::jsonb) AS t (line integer, outcome text, message text, item_id bigint)
     WHERE l.import_id = $1 AND l.line = t.line`,
    [import_id, JSON.stringify(results)],
  );
}

/** How far an import has come, for those who watch it; in a statement of its own, beside the import's transaction. */
export async function noteProgress(db: Db, import_id: number, done: number): Promise<void> {
  await db
    .updateTable("product_imports")
    .set({ status: "running", done })
    .where("id", "=", import_id)
    // A worker that lost its lease goes on until its commit fails: what was ended meanwhile stays ended.
    .where("finished_at", "is", null)
    .execute();
}

export async function finishImport(
  trx: Trx,
  import_id: number,
  end: { status: "done" | "failed"; detail: string | null; results: LineResult[] },
): Promise<void> {
  const { status, detail, results } = end;
  const count = (outcome: string) => results.filter((result) => result.outcome === outcome).length;
  const [created, updated, unchanged] = [count("created"), count("updated"), count("unchanged")];
  const counts = { created, updated, unchanged, refused: count("refused"), done: created + updated + unchanged };
  await writeOutcomes(trx, import_id, results);
  await trx
    .updateTable("product_imports")
    .set({ status, detail, ...counts, finished_at: sql`now()` })
    .where("id", "=", import_id)
    .where("finished_at", "is", null)
    .execute();
}

export type ExportRow = { id: number } & Record<(typeof COLUMNS)[number], string | number | null | string[]>;

/** Products after this id, in ascending id, as a file shows them. */
export async function listForExport(db: Db, after: number, limit: number): Promise<ExportRow[]> {
  return await named<ExportRow>(
    db,
    "products_export",
    `SELECT i.id, i.sku, i.title AS name, i.price_cents, l.on_hand AS stock, i.category, i.tags, i.description
     FROM items i JOIN stock_levels l ON l.item_id = i.id
     WHERE i.tracked AND i.status = 'active' AND i.id > $1 ORDER BY i.id LIMIT $2`,
    [after, limit],
  );
}

/** Imports that somebody asked for, for that person's export; the lines of the files are the shop's. */
export async function listImportsOf(db: Db, user_id: number, { after = 0, limit }: ListPage) {
  return await selectImports(db)
    .where("user_id", "=", user_id)
    .where("id", ">", Number(after))
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** What became of a file is asked for within this time. */
const FINISHED_DAYS = 30;
// One import at a time: its lines go with it, up to 10,000 of them.
const SWEEP_IMPORT = `DELETE FROM product_imports WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM product_imports WHERE finished_at < now() - make_interval(days => $1)
  LIMIT 1 FOR UPDATE SKIP LOCKED)) RETURNING 1`;

export const importSweeps: Sweep[] = [
  {
    name: "product_imports",
    async deleteBatch(db, limit) {
      const deleted = await named(db, "sweep_product_imports", SWEEP_IMPORT, [FINISHED_DAYS]);
      return deleted.length === 0 ? 0 : limit;
    },
  },
];
