import { recordAct } from "#src/modules/identity/public.ts";
import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import type { App } from "#src/platform/http/app.ts";
import { countHandled, listQueues, pauseConsumer, resumeConsumer } from "#src/platform/messaging/queues.ts";
import { consumerNotFound } from "./errors.ts";
import { ConsumerParams, ConsumerState, Queues } from "./schemas.ts";

export async function consumerRoutes(app: App, context: Context): Promise<void> {
  const { db } = context;

  app.get(
    "/api/v1/operations/queues",
    {
      config: { permission: "queue.read" },
      schema: { summary: "Read what waits for each consumer, and how fast it goes", response: { 200: Queues } },
    },
    async () => {
      const [queues, handled] = await Promise.all([listQueues(db), countHandled(db)]);
      const data = queues.map((queue) => ({
        ...queue,
        handled_last_minute: handled.get(queue.consumer) ?? 0,
        paused: queue.paused_at !== null,
      }));
      return { data };
    },
  );

  app.post(
    "/api/v1/operations/consumers/:name/pause",
    {
      config: { permission: "consumer.manage", problems: [consumerNotFound] },
      schema: {
        summary: "Pause a consumer in all workers",
        description: "What it has begun it finishes; what comes waits, without losing attempts, until it is resumed.",
        params: ConsumerParams,
        response: { 200: ConsumerState },
      },
    },
    async (request) => {
      const { name: consumer } = request.params;
      await transact(context, async (trx) => {
        const outcome = await pauseConsumer(trx, consumer);
        if (outcome === "unknown") throw consumerNotFound();
        if (outcome === "paused") await recordAct(trx, request, { action: "consumer.paused", details: { consumer } });
      });
      return { consumer, paused: true };
    },
  );

  app.post(
    "/api/v1/operations/consumers/:name/resume",
    {
      config: { permission: "consumer.manage", problems: [consumerNotFound] },
      schema: {
        summary: "Let a paused consumer go on",
        params: ConsumerParams,
        response: { 200: ConsumerState },
      },
    },
    async (request) => {
      const { name: consumer } = request.params;
      await transact(context, async (trx) => {
        const outcome = await resumeConsumer(trx, consumer);
        if (outcome === "unknown") throw consumerNotFound();
        if (outcome === "resumed") await recordAct(trx, request, { action: "consumer.resumed", details: { consumer } });
      });
      return { consumer, paused: false };
    },
  );
}
