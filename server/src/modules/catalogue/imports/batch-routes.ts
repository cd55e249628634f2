import { Readable } from "node:stream";
import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import { answerOnce } from "#src/platform/database/idempotency.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { keyUse, sendAnswer } from "#src/platform/http/idempotency-key.ts";
import { batchRefused, skuTaken } from "#src/modules/catalogue/errors.ts";
import { exportProducts } from "./export-products.ts";
import { BulkOutcome, ProductLines } from "./import-schemas.ts";
import { upsertProducts } from "./upsert-products.ts";

const BULK_LIMIT_BYTES = 1_024 * 1_024;

export async function batchRoutes(app: App, context: Context): Promise<void> {
  app.post(
    "/api/v2/product-batches",
    {
      bodyLimit: BULK_LIMIT_BYTES,
      config: { permission: "product.manage", idempotent: true, problems: [batchRefused, skuTaken] },
      schema: {
        summary: "Create and change many products by their SKU",
        description: "All of them or none. What a product does not say stays as it is; `stock` is what was counted.",
        body: ProductLines,
        response: { 200: BulkOutcome },
      },
    },
    async (request, reply) => {
      const { id: user_id } = requireUser(request);
      const { origin, body } = request;
      refuseRepeated(body.products.map(({ sku }) => sku));
      const answer = await answerOnce(context, keyUse(request), async (trx) => {
        const { correlation_id } = origin;
        const input = { lines: body.products, user_id, correlation_id, reason: "bulk change", origin };
        const outcome = await upsertProducts(trx, input);
        if ("refused" in outcome) throw refusal(outcome.refused);
        return { status: 200, body: { data: outcome.map(({ item_id, ...one }) => ({ ...one, product_id: item_id })) } };
      });
      return sendAnswer(reply, answer);
    },
  );

  app.get(
    "/api/v2/product-export",
    {
      config: { permission: "product.manage", endless: true },
      schema: {
        summary: "Read all products as CSV, in the form in which they can be imported",
        response: {
          200: { description: "OK", content: { "text/csv": { schema: Type.Unsafe<Readable>({ type: "string" }) } } },
        },
      },
    },
    async (_request, reply) => {
      reply.type("text/csv; charset=utf-8").header("content-disposition", 'attachment; filename="products.csv"');
      return reply.send(Readable.from(exportProducts(context.db), { objectMode: false }));
    },
  );
}

function refuseRepeated(skus: string[]): void {
  const repeated = skus.flatMap((sku, index) =>
    skus.indexOf(sku) < index ? [{ index, message: "is there twice" }] : [],
  );
  if (repeated.length > 0) throw refusal(repeated);
}

function refusal(refused: { index: number; message: string }[]) {
  return batchRefused({ errors: refused.map(({ index, message }) => ({ path: `products[${index}].sku`, message })) });
}
