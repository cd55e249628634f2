import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { findOwner } from "#src/modules/identity/public.ts";
import { readProductLines, type ReadLine } from "#src/modules/catalogue/imports/product-lines.ts";
import { upsertProducts } from "#src/modules/catalogue/imports/upsert-products.ts";
import { createDatabase } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { transact } from "#src/platform/database/transact.ts";
import { Problem } from "#src/platform/http/problem.ts";
import { mistake } from "#src/platform/mistake.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { newOrigin } from "#src/platform/telemetry/origin.ts";
import { withDatabase } from "./database.ts";
import { loadConfig } from "./environment.ts";
import { startProgress } from "./progress.ts";

const SHOWN_MISTAKES = 20;

/** Writes a CSV file of products in one transaction: all of its lines, or none and what is wrong. Ctrl-C leaves nothing. */
export async function importProducts(file: string, ownerEmail: string): Promise<void> {
  const lines = readLines(await readText(file));
  await withDatabase(loadConfig(), async (url) => {
    const log = createLog({ logLevel: "silent", process: "import-products" });
    const db = createDatabase(createPool({ url, max: 1, work: "job", name: "import-products", log }));
    try {
      const user_id = await findOwner(db, ownerEmail);
      if (user_id === undefined) throw mistake(`there is no account ${ownerEmail}: register it first`);
      const progress = startProgress("lines", lines.length);
      const origin = newOrigin({ user_id });
      const products = lines.flatMap(({ product }) => product ?? []);
      // Polling finds what is published here; there is nobody to wake.
      const context = { db, wake: () => undefined };
      const outcome = await transact(context, (trx) =>
        upsertProducts(trx, {
          lines: products,
          user_id,
          correlation_id: origin.correlation_id,
          reason: "import from a file",
          origin,
          onProgress: async (done) => progress.note(done),
        }),
      );
      if ("refused" in outcome)
        throw refusal(outcome.refused.map(({ index, message }) => `line ${lines[index]?.line}: ${message}`));
      const count = (wanted: string) => outcome.filter((one) => one.outcome === wanted).length;
      const counts = ["created", "updated", "unchanged"].map((wanted) => `${count(wanted)} ${wanted}`).join(", ");
      progress.end(`${outcome.length} products: ${counts}`);
    } finally {
      await db.destroy();
    }
  });
}

async function readText(file: string): Promise<string> {
  if (file === "-") return await text(process.stdin);
  return await readFile(file, "utf8").catch((error: unknown) => {
    throw mistake(`${file} cannot be read`, error);
  });
}

function readLines(csv: string): ReadLine[] {
  const lines = takeOrSay(csv);
  const wrong = lines.filter(({ mistake: why }) => why !== null);
  if (wrong.length > 0) throw refusal(wrong.map(({ line, mistake: why }) => `line ${line}: ${why}`));
  return lines;
}

function takeOrSay(csv: string): ReadLine[] {
  try {
    return readProductLines(csv);
  } catch (error) {
    if (error instanceof Problem) throw mistake(error.errors?.[0]?.message ?? error.title);
    throw error;
  }
}

function refusal(mistakes: string[]): Error {
  const more = mistakes.length > SHOWN_MISTAKES ? [`and ${mistakes.length - SHOWN_MISTAKES} more`] : [];
  return mistake(["nothing was written:", ...mistakes.slice(0, SHOWN_MISTAKES), ...more].join("\n  "));
}
