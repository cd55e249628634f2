import type { FastifyRequest } from "fastify";
import type { Context } from "#src/platform/context.ts";
import { checkIfMatch } from "#src/platform/http/etag.ts";
import { stale } from "#src/platform/http/errors.ts";
import { IdParams } from "#src/platform/http/schemas.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { cancelOrder, deliverOrder, type OrderChange, payOrder, shipOrder } from "./change-order.ts";
import { notCancellable, orderNotFound, wrongState } from "./errors.ts";
import { Order, Payment, Shipment } from "./schemas.ts";

const CONDITIONAL = "Under `If-Match` only the version that was read is changed.";

/** What is done to one order after it was placed. */
export function changeRoutes(app: App, context: Context): void {
  app.post(
    "/api/v2/orders/:id/cancel",
    {
      config: { permission: "order.cancel", problems: [orderNotFound, notCancellable, stale] },
      schema: {
        summary: "Cancel an order",
        description: `Gives back what the order holds of the stock, once; possible until it is shipped. ${CONDITIONAL}`,
        params: IdParams,
        response: { 200: Order },
      },
    },
    async (request) => await cancelOrder(context, changeOf(request, request.params.id)),
  );

  app.post(
    "/api/v2/orders/:id/pay",
    {
      config: { permission: "order.pay", problems: [orderNotFound, wrongState, stale] },
      schema: {
        summary: "Note that an order was paid",
        description: `The payment itself is made elsewhere, and \`reference\` is its name there; the same one again is the same payment. ${CONDITIONAL}`,
        params: IdParams,
        body: Payment,
        response: { 200: Order },
      },
    },
    async (request) => {
      const { reference } = request.body;
      return await payOrder(context, { ...changeOf(request, request.params.id), reference });
    },
  );

  app.post(
    "/api/v2/orders/:id/ship",
    {
      config: { permission: "order.ship", problems: [orderNotFound, wrongState, stale] },
      schema: {
        summary: "Hand a paid order to a carrier",
        description: `What the order holds leaves the stock. ${CONDITIONAL}`,
        params: IdParams,
        body: Shipment,
        response: { 200: Order },
      },
    },
    async (request) => await shipOrder(context, { ...changeOf(request, request.params.id), shipment: request.body }),
  );

  app.post(
    "/api/v2/orders/:id/deliver",
    {
      config: { permission: "order.deliver", problems: [orderNotFound, wrongState, stale] },
      schema: {
        summary: "Note that an order has arrived",
        description: CONDITIONAL,
        params: IdParams,
        response: { 200: Order },
      },
    },
    async (request) => await deliverOrder(context, changeOf(request, request.params.id)),
  );
}

function changeOf(request: FastifyRequest, id: number): OrderChange {
  const checkVersion = (version: number): void => checkIfMatch(request, version);
  return { id, user: requireUser(request), origin: request.origin, checkVersion };
}
