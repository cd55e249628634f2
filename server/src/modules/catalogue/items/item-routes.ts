import type { FastifyReply, FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { isAllowed } from "#src/permissions.ts";
import type { Reading } from "#src/platform/cache/cache.ts";
import type { Context } from "#src/platform/context.ts";
import type { Db, Trx } from "#src/platform/database/database.ts";
import { shareUnsent } from "#src/platform/database/share-unsent.ts";
import { transact } from "#src/platform/database/transact.ts";
import { checkIfMatch, sendVersioned, versionedBody } from "#src/platform/http/etag.ts";
import { keyUse, sendAnswer } from "#src/platform/http/idempotency-key.ts";
import { type ListOptions, listQuery, type Page, pageOf, readPage, sendPage } from "#src/platform/http/paging.ts";
import { unauthenticated } from "#src/platform/http/errors.ts";
import { sendReading } from "#src/platform/http/reading.ts";
import { Id, IdParams, Money } from "#src/platform/http/schemas.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { changeItem, removeItem } from "./change-item.ts";
import { createItem } from "./create-item.ts";
import { foreignOwner, itemNotFound, notItsOwner, ownerUnknown, skuTaken } from "#src/modules/catalogue/errors.ts";
import { withOwner, withOwners } from "./owners.ts";
import { itemKey } from "./item-cache.ts";
import { createItemReads } from "./item-reads.ts";
import { findDraft, hasTag, NOTHING_SAID, selectItems, selectUnlistedItems } from "./item-repository.ts";
import { Category, Item, ItemChange, ItemReplacement, ItemStatus, NewItem, Sku, Tag } from "./item-schemas.ts";

const LIST: ListOptions = {
  columns: { id: "integer", title: "text", price_cents: "integer", created_at: "time", updated_at: "time" },
  defaultSort: "-created_at",
};
const ItemList = listQuery(LIST, {
  owner_id: Type.Optional(Id),
  category: Type.Optional(Category),
  min_price_cents: Type.Optional(Money),
  max_price_cents: Type.Optional(Money),
  tag: Type.Optional(Tag),
  sku: Type.Optional(Sku),
  status: Type.Optional(ItemStatus),
});

/** What of the items that are not on show somebody may see: all of them, or one's own. */
type Scope = "all" | { owner_id: number };

async function readItems(db: Db, query: Static<typeof ItemList>, scope: Scope): Promise<Page<Item>> {
  const { owner_id, category, min_price_cents, max_price_cents, tag, sku, status = "active" } = query;
  let rows = status === "active" ? selectItems(db) : selectUnlistedItems(db).where("status", "=", status);
  if (status !== "active" && scope !== "all") rows = rows.where("owner_id", "=", scope.owner_id);
  if (tag !== undefined) rows = rows.where(hasTag(tag));
  if (sku !== undefined) rows = rows.where("sku", "=", sku);
  if (owner_id !== undefined) rows = rows.where("owner_id", "=", owner_id);
  if (category !== undefined) rows = rows.where("category", "=", category);
  if (min_price_cents !== undefined) rows = rows.where("price_cents", ">=", min_price_cents);
  if (max_price_cents !== undefined) rows = rows.where("price_cents", "<=", max_price_cents);
  const page = await readPage(db, LIST, query, rows);
  return { ...page, data: await withOwners(db, page.data) };
}

export async function itemRoutes(app: App, context: Context): Promise<void> {
  const { db } = context;
  const reads = createItemReads(context);
  const pages = shareUnsent<Page<Item>>();

  app.get(
    "/api/v1/items",
    {
      config: { permission: "item.read", problems: [unauthenticated] },
      schema: { summary: "List items with their owners", querystring: ItemList, response: { 200: pageOf(Item) } },
    },
    async (request, reply) => {
      const { query } = request;
      const scope = scopeOf(request);
      const page = await pages(JSON.stringify([query, scope]), () => readItems(db, query, scope));
      return sendPage(request, reply, page);
    },
  );

  app.get(
    "/api/v1/items/:id",
    {
      config: { permission: "item.read", problems: [itemNotFound] },
      schema: { summary: "Read an item", params: IdParams, response: { 200: Item } },
    },
    (request, reply) => {
      const { id } = request.params;
      const load = async () => {
        const item = await reads.item(id);
        return item === undefined
          ? undefined
          : versionedBody(reply.serializeInput(item, "200") as string, item.version);
      };
      const reading = context.cache.get(itemKey(id), load);
      if (request.user === undefined) return sendReading(request, reply, reading, itemNotFound);
      return sendAnyOwn(db, request, reply, reading);
    },
  );

  app.post(
    "/api/v1/items",
    {
      config: { permission: "item.create", idempotent: true, problems: [foreignOwner, ownerUnknown, skuTaken] },
      schema: { summary: "List an item of one's own", body: NewItem, response: { 201: Item } },
    },
    async (request, reply) => {
      const { origin, body: item } = request;
      const input = { user: requireUser(request), origin, item, use: keyUse(request) };
      return sendAnswer(reply, await createItem(context, input));
    },
  );

  itemChangeRoutes(app, context);
}

function scopeOf(request: FastifyRequest<{ Querystring: Static<typeof ItemList> }>): Scope {
  const { status = "active" } = request.query;
  if (status === "active") return "all";
  const user = requireUser(request);
  return isAllowed("item.read_unlisted", user) ? "all" : { owner_id: user.id };
}

/** Sends what is on show to anybody, and what is not to those who may see it. */
async function sendAnyOwn(
  db: Db,
  request: FastifyRequest<{ Params: { id: number } }>,
  reply: FastifyReply,
  reading: Reading | Promise<Reading>,
): Promise<void> {
  const known = await reading;
  if (known.body === undefined) {
    const item = await findDraft(db, request.params.id);
    if (item === undefined || !isAllowed("item.read_unlisted", request.user, item.owner_id)) throw itemNotFound();
    sendVersioned(request, reply, await withOwner(db, item));
    return;
  }
  sendReading(request, reply, known, itemNotFound);
}

// With its owner, in the same transaction: asked for behind it, a change that was made could be answered with a 503.
async function applyChange(trx: Trx, input: Parameters<typeof changeItem>[1]): Promise<Item> {
  return await withOwner(trx, await changeItem(trx, input));
}

function itemChangeRoutes(app: App, context: Context): void {
  app.put(
    "/api/v1/items/:id",
    {
      config: { permission: "item.change", problems: [itemNotFound, notItsOwner, skuTaken] },
      schema: {
        summary: "Replace an item",
        description: "What is not said is reset.",
        params: IdParams,
        body: ItemReplacement,
        response: { 200: Item },
      },
    },
    async (request, reply) => {
      const input = changeOf(request);
      const change = { ...NOTHING_SAID, ...request.body };
      return sendVersioned(request, reply, await transact(context, (trx) => applyChange(trx, { ...input, change })));
    },
  );

  app.patch(
    "/api/v1/items/:id",
    {
      config: { permission: "item.change", problems: [itemNotFound, notItsOwner, skuTaken] },
      schema: { summary: "Change an item", params: IdParams, body: ItemChange, response: { 200: Item } },
    },
    async (request, reply) => {
      const input = changeOf(request);
      const { body: change } = request;
      return sendVersioned(request, reply, await transact(context, (trx) => applyChange(trx, { ...input, change })));
    },
  );

  app.delete(
    "/api/v1/items/:id",
    {
      config: { permission: "item.change", problems: [itemNotFound, notItsOwner] },
      schema: {
        summary: "Remove an item",
        description: "One that was ever reserved is archived.",
        params: IdParams,
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const input = changeOf(request);
      await transact(context, (trx) => removeItem(trx, input));
      return reply.code(204).send(null);
    },
  );
}

function changeOf(request: FastifyRequest<{ Params: { id: number } }>) {
  const { params, origin } = request;
  const checkVersion = (version: number) => checkIfMatch(request, version);
  return { id: params.id, user: requireUser(request), origin, checkVersion };
}
