import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import { coalesce, queueFull } from "#src/platform/database/coalesce.ts";
import type { Answer } from "#src/platform/database/idempotency.ts";
import { answerEarly, transact } from "#src/platform/database/transact.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import { sendVersioned } from "#src/platform/http/etag.ts";
import { keyUse, sendAnswer } from "#src/platform/http/idempotency-key.ts";
import { type ListOptions, listQuery, pageOf, readPage, sendPage } from "#src/platform/http/paging.ts";
import { Id, IdParams } from "#src/platform/http/schemas.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { changeRoutes } from "./change-routes.ts";
import { notAProduct, orderNotFound, quantityTooLarge, totalTooLarge } from "./errors.ts";
import { type PlaceOrder, placeOrders } from "./place-orders.ts";
import { findOrder, listLines, selectOrders } from "./repository.ts";
import { NewOrder, Order, OrderStatus, PlacedOrder } from "./schemas.ts";
import { streamRoutes } from "./stream-routes.ts";
import { maySee, maySeeAll } from "./visibility.ts";

/** Two transactions at a time, each for as many orders as one statement writes well; 5,000 waiting are a second or so. */
const PLACING = { maxBatch: 256, maxWaiting: 5_000, maxRunning: 2 };

const LIST: ListOptions = {
  columns: { id: "integer", created_at: "time", updated_at: "time", total_cents: "integer" },
  defaultSort: "-created_at",
};
const OrderList = listQuery(LIST, { status: Type.Optional(OrderStatus), user_id: Type.Optional(Id) });

export async function orderRoutes(app: App, context: Context): Promise<void> {
  const { db } = context;
  const place = coalesce<PlaceOrder, Answer<PlacedOrder>>(PLACING, (commands) =>
    (isMutant("ack_before_commit") ? answerEarly : transact)(context, (trx) => placeOrders(trx, commands)),
  );

  app.post(
    "/api/v2/orders",
    {
      config: {
        permission: "order.place",
        idempotent: true,
        problems: [notAProduct, quantityTooLarge, totalTooLarge, queueFull],
      },
      schema: {
        summary: "Place an order",
        description: "Answers before the stock is reserved; prices are fixed now. Ask again for what became of it.",
        body: NewOrder,
        response: { 202: PlacedOrder },
      },
    },
    async (request, reply) => {
      const { id: user_id } = requireUser(request);
      const use = keyUse(request);
      return sendAnswer(reply, await place({ origin: request.origin, user_id, items: request.body.items, use }));
    },
  );

  app.get(
    "/api/v2/orders",
    {
      config: { permission: "order.read" },
      schema: {
        summary: "List orders: one's own, or everybody's for staff",
        querystring: OrderList,
        response: { 200: pageOf(PlacedOrder) },
      },
    },
    async (request, reply) => {
      const user = requireUser(request);
      const { status, user_id } = request.query;
      let rows = selectOrders(db);
      if (!maySeeAll(user)) rows = rows.where("user_id", "=", user.id);
      if (user_id !== undefined) rows = rows.where("user_id", "=", user_id);
      if (status !== undefined) rows = rows.where("status", "=", status);
      const page = await readPage(db, LIST, request.query, rows);
      const lines = await listLines(
        db,
        page.data.map((order) => order.id),
      );
      const data = page.data.map((order) => ({ ...order, items: lines.get(order.id) ?? [] }));
      return sendPage(request, reply, { ...page, data });
    },
  );

  oneOrderRoutes(app, context);
  changeRoutes(app, context);
  streamRoutes(app, context);
}

function oneOrderRoutes(app: App, context: Context): void {
  const { db } = context;

  app.get(
    "/api/v2/orders/:id",
    {
      config: { permission: "order.read", problems: [orderNotFound] },
      schema: { summary: "Read an order with its history", params: IdParams, response: { 200: Order } },
    },
    async (request, reply) => {
      const order = await findOrder(db, request.params.id);
      if (order === undefined || !maySee(requireUser(request), order)) throw orderNotFound();
      return sendVersioned(request, reply, order);
    },
  );
}
