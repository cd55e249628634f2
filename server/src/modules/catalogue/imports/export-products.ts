import type { Db } from "#src/platform/database/database.ts";
import { listForExport } from "./import-repository.ts";
import { COLUMNS, csvRecord } from "./product-lines.ts";

const PAGE = 500;

/** All products with a SKU or without, as CSV in pieces: a page of rows at a time, so that a large shop fits into little memory. */
export async function* exportProducts(db: Db, onProgress?: (done: number) => void): AsyncGenerator<string> {
  yield csvRecord([...COLUMNS]);
  let after = 0;
  let done = 0;
  for (;;) {
    const rows = await listForExport(db, after, PAGE);
    if (rows.length === 0) return;
    after = rows.at(-1)?.id ?? after;
    done += rows.length;
    yield rows.map((row) => csvRecord(COLUMNS.map((column) => row[column]))).join("");
    onProgress?.(done);
  }
}
