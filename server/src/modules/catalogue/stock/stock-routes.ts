import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { keyUse, sendAnswer } from "#src/platform/http/idempotency-key.ts";
import { type ListOptions, listQuery, pageOf, readPage, sendPage } from "#src/platform/http/paging.ts";
import { IdParams } from "#src/platform/http/schemas.ts";
import { adjustStock } from "./adjust-stock.ts";
import { productNotFound, stockInUse, stockTooLarge } from "#src/modules/catalogue/errors.ts";
import { Movement, MovementKind, StockAdjustment, StockLevel, StockSettings } from "./stock-schemas.ts";
import { findLevel, type Level, selectMovements, setLowStockThreshold } from "./stock-repository.ts";

const LEDGER: ListOptions = { columns: { id: "integer", created_at: "time" }, defaultSort: "-id" };
const MovementList = listQuery(LEDGER, { kind: Type.Optional(MovementKind) });

export async function stockRoutes(app: App, context: Context): Promise<void> {
  const { db } = context;

  app.post(
    "/api/v2/products/:id/stock",
    {
      config: { permission: "stock.manage", idempotent: true, problems: [productNotFound, stockInUse, stockTooLarge] },
      schema: {
        summary: "Adjust the stock of a product",
        params: IdParams,
        body: StockAdjustment,
        response: { 201: Movement },
      },
    },
    async (request, reply) => {
      const input = { item_id: request.params.id, ...request.body, user: requireUser(request), origin: request.origin };
      return sendAnswer(reply, await adjustStock(context, { ...input, use: keyUse(request) }));
    },
  );

  app.get(
    "/api/v2/products/:id/movements",
    {
      config: { permission: "stock.manage", problems: [productNotFound] },
      schema: {
        summary: "List the stock movements of a product: the ledger",
        params: IdParams,
        querystring: MovementList,
        response: { 200: pageOf(Movement) },
      },
    },
    async (request, reply) => {
      const { id } = request.params;
      await requireLevel(context, id);
      const { kind } = request.query;
      const rows = selectMovements(db, id);
      const wanted = kind === undefined ? rows : rows.where("kind", "=", kind);
      return sendPage(request, reply, await readPage(db, LEDGER, request.query, wanted));
    },
  );

  levelRoutes(app, context);
}

function levelRoutes(app: App, context: Context): void {
  const { db } = context;

  app.get(
    "/api/v2/products/:id/stock",
    {
      config: { permission: "stock.manage", problems: [productNotFound] },
      schema: { summary: "Read the stock of a product", params: IdParams, response: { 200: StockLevel } },
    },
    async (request) => shown(await requireLevel(context, request.params.id)),
  );

  app.patch(
    "/api/v2/products/:id/stock",
    {
      config: { permission: "stock.manage", unversioned: true, problems: [productNotFound] },
      schema: {
        summary: "Say how little of a product is too little",
        description:
          "The event `stock.low` tells when the free stock goes down to the threshold; null: nobody wants to know.",
        params: IdParams,
        body: StockSettings,
        response: { 200: StockLevel },
      },
    },
    async (request) => {
      const { id } = request.params;
      await requireLevel(context, id);
      await setLowStockThreshold(db, id, request.body.low_stock_threshold);
      return shown(await requireLevel(context, id));
    },
  );
}

async function requireLevel(context: Context, id: number): Promise<Level> {
  const level = await findLevel(context.db, id);
  if (level === undefined) throw productNotFound();
  return level;
}

function shown({ item_id, on_hand, reserved, low_stock_threshold }: Level) {
  return { product_id: item_id, on_hand, reserved, available: on_hand - reserved, low_stock_threshold };
}
