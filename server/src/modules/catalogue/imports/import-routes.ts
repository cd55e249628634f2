import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { keyUse, sendAnswer } from "#src/platform/http/idempotency-key.ts";
import { type ListOptions, listQuery, pageOf, readPage, sendPage } from "#src/platform/http/paging.ts";
import { IdParams } from "#src/platform/http/schemas.ts";
import { importNotFound, importUnreadable } from "#src/modules/catalogue/errors.ts";
import { requestImport } from "./import-products.ts";
import { findImport, selectImportLines, selectImports } from "./import-repository.ts";
import { readProductLines } from "./product-lines.ts";
import { ImportLine, ImportStatus, LineOutcome, ProductImport } from "./import-schemas.ts";

const IMPORT_LIMIT_BYTES = 2 * 1_024 * 1_024;
const LIST: ListOptions = { columns: { id: "integer", created_at: "time" }, defaultSort: "-id" };
const ImportList = listQuery(LIST, { status: Type.Optional(ImportStatus) });
const LINES: ListOptions = { columns: { id: "integer" }, defaultSort: "id" };
const LineList = listQuery(LINES, { outcome: Type.Optional(LineOutcome) });

export async function importRoutes(app: App, context: Context): Promise<void> {
  const { db } = context;

  app.post(
    "/api/v2/product-imports",
    {
      bodyLimit: IMPORT_LIMIT_BYTES,
      config: { permission: "product.manage", idempotent: true, csv: true, problems: [importUnreadable] },
      schema: {
        summary: "Import products from a CSV file",
        description:
          "The worker writes all lines or none; ask for the import to see how far it is, and for its lines to see what became of each.",
        body: Type.String({ minLength: 1 }),
        response: { 202: ProductImport },
      },
    },
    async (request, reply) => {
      const { id: user_id } = requireUser(request);
      const lines = readProductLines(request.body);
      const input = { user_id, origin: request.origin, lines, use: keyUse(request) };
      return sendAnswer(reply, await requestImport(context, input));
    },
  );

  app.get(
    "/api/v2/product-imports",
    {
      config: { permission: "product.manage" },
      schema: { summary: "List imports", querystring: ImportList, response: { 200: pageOf(ProductImport) } },
    },
    async (request, reply) => {
      const { status } = request.query;
      const rows = selectImports(db);
      const wanted = status === undefined ? rows : rows.where("status", "=", status);
      return sendPage(request, reply, await readPage(db, LIST, request.query, wanted));
    },
  );

  importReadRoutes(app, context);
}

function importReadRoutes(app: App, context: Context): void {
  const { db } = context;

  app.get(
    "/api/v2/product-imports/:id",
    {
      config: { permission: "product.manage", problems: [importNotFound] },
      schema: { summary: "Read how far an import is", params: IdParams, response: { 200: ProductImport } },
    },
    async (request) => {
      const found = await findImport(db, request.params.id);
      if (found === undefined) throw importNotFound();
      return found;
    },
  );

  app.get(
    "/api/v2/product-imports/:id/lines",
    {
      config: { permission: "product.manage", problems: [importNotFound] },
      schema: {
        summary: "List what became of each line of an import",
        params: IdParams,
        querystring: LineList,
        response: { 200: pageOf(ImportLine) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      if ((await findImport(db, id)) === undefined) throw importNotFound();
      const rows = selectImportLines(db, id);
      const { outcome } = request.query;
      const wanted = outcome === undefined ? rows : rows.where("outcome", "=", outcome);
      return sendPage(request, reply, await readPage(db, LINES, request.query, wanted));
    },
  );
}
