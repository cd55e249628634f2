import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { isAllowed } from "#src/permissions.ts";
import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import type { Db, Trx } from "#src/platform/database/database.ts";
import { shareUnsent } from "#src/platform/database/share-unsent.ts";
import { checkIfMatch, sendVersioned } from "#src/platform/http/etag.ts";
import { forbidden, unauthenticated } from "#src/platform/http/errors.ts";
import { keyUse, sendAnswer } from "#src/platform/http/idempotency-key.ts";
import { type ListOptions, listQuery, type Page, pageOf, readPage, sendPage } from "#src/platform/http/paging.ts";
import { IdParams, Money } from "#src/platform/http/schemas.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { changeProduct, type VersionCheck } from "./change-item.ts";
import { createProduct } from "./create-product.ts";
import { productNotFound, skuTaken } from "#src/modules/catalogue/errors.ts";
import { createItemReads } from "./item-reads.ts";
import {
  findProduct,
  findUnlistedProduct,
  hasTag,
  type ItemFields,
  NOTHING_SAID,
  selectProducts,
} from "./item-repository.ts";
import {
  Category,
  ItemStatus,
  NewProduct,
  Product,
  ProductChange,
  ProductReplacement,
  Sku,
  Tag,
} from "./item-schemas.ts";

const LIST: ListOptions = {
  columns: { id: "integer", name: "text", price_cents: "integer", created_at: "time", updated_at: "time" },
  defaultSort: "-created_at",
};
const ProductList = listQuery(LIST, {
  category: Type.Optional(Category),
  min_price_cents: Type.Optional(Money),
  max_price_cents: Type.Optional(Money),
  in_stock: Type.Optional(Type.Boolean()),
  tag: Type.Optional(Tag),
  sku: Type.Optional(Sku),
  status: Type.Optional(ItemStatus),
});

async function readProducts(db: Db, query: Static<typeof ProductList>): Promise<Page<Product>> {
  const { category, min_price_cents, max_price_cents, in_stock, tag, sku, status } = query;
  let rows = selectProducts(db, status);
  if (category !== undefined) rows = rows.where("category", "=", category);
  if (min_price_cents !== undefined) rows = rows.where("price_cents", ">=", min_price_cents);
  if (max_price_cents !== undefined) rows = rows.where("price_cents", "<=", max_price_cents);
  if (in_stock !== undefined) rows = rows.where("in_stock", "=", in_stock);
  if (tag !== undefined) rows = rows.where(hasTag(tag));
  if (sku !== undefined) rows = rows.where("sku", "=", sku);
  return await readPage(db, LIST, query, rows);
}

export async function productRoutes(app: App, context: Context): Promise<void> {
  const { db } = context;
  const reads = createItemReads(context);
  const pages = shareUnsent<Page<Product>>();

  app.get(
    "/api/v2/products",
    {
      config: { permission: "product.read", problems: [forbidden, unauthenticated] },
      schema: { summary: "List products", querystring: ProductList, response: { 200: pageOf(Product) } },
    },
    async (request, reply) => {
      const { query } = request;
      const { status = "active" } = query;
      if (status !== "active" && !isAllowed("product.manage", requireUser(request))) throw forbidden();
      return sendPage(request, reply, await pages(JSON.stringify(query), () => readProducts(db, query)));
    },
  );

  app.get(
    "/api/v2/products/:id",
    {
      config: { permission: "product.read", problems: [productNotFound] },
      schema: { summary: "Read a product", params: IdParams, response: { 200: Product } },
    },
    async (request, reply) => {
      const product = await reads.product(request.params.id);
      if (product !== undefined) return sendVersioned(request, reply, product);
      const isStaff = isAllowed("product.manage", request.user);
      const draft = isStaff ? await findUnlistedProduct(db, request.params.id) : undefined;
      if (draft?.status !== "draft") throw productNotFound();
      return sendVersioned(request, reply, draft);
    },
  );

  app.post(
    "/api/v2/products",
    {
      config: { permission: "product.manage", idempotent: true, problems: [skuTaken] },
      schema: { summary: "Put a product on the shelf", body: NewProduct, response: { 201: Product } },
    },
    async (request, reply) => {
      const { origin, body: product } = request;
      const input = { user: requireUser(request), origin, product, use: keyUse(request) };
      return sendAnswer(reply, await createProduct(context, input));
    },
  );

  productChangeRoutes(app, context);
}

function productChangeRoutes(app: App, context: Context): void {
  app.put(
    "/api/v2/products/:id",
    {
      config: { permission: "product.manage", problems: [productNotFound, skuTaken] },
      schema: {
        summary: "Replace a product",
        description: "What is not said is reset; the stock is not touched.",
        params: IdParams,
        body: ProductReplacement,
        response: { 200: Product },
      },
    },
    async (request, reply) => {
      const { name, ...fields } = request.body;
      const input = changeOf(request);
      const change = { ...NOTHING_SAID, ...fields, title: name };
      const product = await transact(context, (trx) => applyChange(trx, { ...input, change }));
      return sendVersioned(request, reply, product);
    },
  );

  app.patch(
    "/api/v2/products/:id",
    {
      config: { permission: "product.manage", problems: [productNotFound, skuTaken] },
      schema: { summary: "Change a product", params: IdParams, body: ProductChange, response: { 200: Product } },
    },
    async (request, reply) => {
      const { name, ...fields } = request.body;
      const input = changeOf(request);
      const change = name === undefined ? fields : { ...fields, title: name };
      const product = await transact(context, (trx) => applyChange(trx, { ...input, change }));
      return sendVersioned(request, reply, product);
    },
  );
}

function changeOf(request: FastifyRequest<{ Params: { id: number } }>) {
  const { params, origin } = request;
  return { id: params.id, origin, checkVersion: (version: number) => checkIfMatch(request, version) };
}

async function applyChange(
  trx: Trx,
  input: { id: number; origin: Origin; checkVersion: VersionCheck; change: Partial<ItemFields> },
): Promise<Product> {
  const { status } = await changeProduct(trx, input);
  const product = await (status === "active" ? findProduct : findUnlistedProduct)(trx, input.id);
  if (product === undefined) throw productNotFound();
  return product;
}
