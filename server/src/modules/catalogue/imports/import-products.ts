import type { Context } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { type Answer, answerOnce, type KeyUse } from "#src/platform/database/idempotency.ts";
import type { Message } from "#src/platform/messaging/event.ts";
import { publish } from "#src/platform/messaging/publish.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { importRequested } from "#src/modules/catalogue/events.ts";
import { finishImport, findImport, insertImport, listWaiting, noteProgress } from "./import-repository.ts";
import type { ReadLine } from "./product-lines.ts";
import type { ProductImport } from "./import-schemas.ts";
import { type Refusal, upsertProducts } from "./upsert-products.ts";

/** Takes a file in, whole: its lines are on disk when this resolves, and the worker is told unless one of them is wrong. */
export async function requestImport(
  context: Context,
  input: { user_id: number; origin: Origin; lines: ReadLine[]; use: KeyUse | undefined },
): Promise<Answer<ProductImport>> {
  const { user_id, origin, lines } = input;
  return await answerOnce(context, input.use, async (trx) => {
    const body = await insertImport(trx, { user_id, lines, correlation_id: origin.correlation_id });
    if (body.status === "queued") await publish(trx, importRequested, [{ origin, payload: { import_id: body.id } }]);
    return { status: 202, location: `/api/v2/product-imports/${body.id}`, body };
  });
}

/**
 * Writes the lines of an import in one transaction, or none of them. Its progress is told in transactions of its own;
 * a worker that dies leaves nothing, and the next attempt begins at the first line.
 */
export async function runImport(trx: Trx, messages: Message<{ import_id: number }>[], context: Context): Promise<void> {
  for (const { payload, origin } of messages) {
    const { import_id } = payload;
    const job = await findImport(trx, import_id);
    if (job === undefined || job.finished_at !== null) continue;
    const waiting = await listWaiting(trx, import_id);
    await noteProgress(context.db, import_id, 0);
    const outcome = await upsertProducts(trx, {
      lines: waiting.map(({ product }) => product),
      user_id: job.user_id,
      correlation_id: job.correlation_id,
      reason: `import ${import_id}`,
      origin,
      onProgress: (done) => noteProgress(context.db, import_id, done),
    });
    if ("refused" in outcome) await refuse(trx, { import_id, waiting, refused: outcome.refused });
    else {
      const results = outcome.map((one, index) => ({ ...one, line: waiting[index]?.line ?? 0 }));
      await finishImport(trx, import_id, { status: "done", detail: null, results });
    }
  }
}

async function refuse(
  trx: Trx,
  input: { import_id: number; waiting: { line: number }[]; refused: Refusal[] },
): Promise<void> {
  const { import_id, waiting, refused } = input;
  const results = refused.map(({ index, message }) => {
    return { line: waiting[index]?.line ?? 0, outcome: "refused", message };
  });
  const detail = "nothing was written: see the lines that were refused";
  await finishImport(trx, import_id, { status: "failed", detail, results });
}

/** Ends an import that could not be run, so that nobody waits for it for ever. */
export async function abandonImport(trx: Trx, message: Message<unknown>): Promise<void> {
  const { payload } = message;
  const known = typeof payload === "object" && payload !== null && "import_id" in payload;
  const id = known ? Number(payload.import_id) : NaN;
  if (!Number.isSafeInteger(id)) return;
  const detail = "nothing was written: it failed again and again, and is among the dead letters";
  await finishImport(trx, id, { status: "failed", detail, results: [] });
}
