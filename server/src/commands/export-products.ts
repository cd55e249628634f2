import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { exportProducts } from "#src/modules/catalogue/imports/export-products.ts";
import { createDatabase } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { withDatabase } from "./database.ts";
import { loadConfig } from "./environment.ts";
import { startProgress } from "./progress.ts";

/** Writes all products as CSV to standard output; what it does is told on standard error. */
export async function writeProducts(): Promise<void> {
  await withDatabase(loadConfig(), async (url) => {
    const log = createLog({ logLevel: "silent", process: "export-products" });
    const db = createDatabase(createPool({ url, max: 1, work: "job", name: "export-products", log }));
    const progress = startProgress("products");
    let exported = 0;
    try {
      const rows = exportProducts(db, (done) => progress.note((exported = done)));
      await pipeline(Readable.from(rows), process.stdout, { end: false });
      progress.end(`${exported} products`);
    } finally {
      await db.destroy();
    }
  });
}
