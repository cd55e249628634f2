import { Readable } from "node:stream";
import Type from "typebox";
import type { Context } from "#src/platform/context.ts";
import { tooMany } from "#src/platform/http/errors.ts";
import { IdParams } from "#src/platform/http/schemas.ts";
import { type App, requireUser } from "#src/platform/http/app.ts";
import { orderNotFound } from "./errors.ts";
import { createOrderStreams } from "./order-streams.ts";
import { listEventsAfter, selectOrders } from "./repository.ts";
import { isFinal } from "./transitions.ts";
import { maySee } from "./visibility.ts";

const EVENT_ID = /^\d{1,15}$/;

/** One event of the stream, as OpenAPI 3.2 describes server-sent events: by its fields. */
const StreamedEvent = {
  type: "object",
  properties: {
    id: { type: "string", description: "send it as `Last-Event-ID` to go on after it", examples: ["33"] },
    event: { type: "string", examples: ["status"] },
    data: { type: "string", description: "JSON: order_id, status, occurred_at" },
  },
} as const;

export function streamRoutes(app: App, context: Context): void {
  const streams = createOrderStreams(context);
  app.addHook("preClose", (done) => {
    streams.close();
    done();
  });

  app.get(
    "/api/v2/orders/:id/events",
    {
      config: { permission: "order.read", endless: true, problems: [orderNotFound, tooMany] },
      schema: {
        summary: "Follow an order: its history as server-sent events",
        description:
          "One event for each step, those that are past first. It ends after the last possible one, and now and then " +
          "before: ask again with `Last-Event-ID`, and nothing is missed. 204 says that there is nothing more to come.",
        params: IdParams,
        response: {
          200: {
            description: "OK",
            content: { "text/event-stream": { schema: Type.Unsafe<Readable>(StreamedEvent) } },
          },
          204: Type.Null({ description: "There is nothing more to come" }),
        },
      },
    },
    async (request, reply) => {
      const user = requireUser(request);
      const { id } = request.params;
      const order = await selectOrders(context.db).where("id", "=", id).executeTakeFirst();
      if (order === undefined || !maySee(user, order)) throw orderNotFound();
      const after = lastSeen(request.headers["last-event-id"]);
      if (isFinal(order.status) && (await listEventsAfter(context.db, [{ order_id: id, after }])).length === 0)
        return reply.code(204).send(null);
      reply
        .type("text/event-stream; charset=utf-8")
        .header("cache-control", "no-store")
        .header("x-accel-buffering", "no");
      if (request.method === "HEAD") return reply.send(Readable.from([]));
      return reply.send(streams.open({ order, user, after }));
    },
  );
}

/** What is no id of ours is as good as none: the whole history comes. */
function lastSeen(header: string | string[] | undefined): number {
  return typeof header === "string" && EVENT_ID.test(header) ? Number(header) : 0;
}
