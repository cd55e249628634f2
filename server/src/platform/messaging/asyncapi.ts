import type { TSchema } from "typebox";
import type { App } from "#src/platform/http/app.ts";
import { CLOUD_EVENTS_JSON, EVENT_SOURCE } from "./cloudevents.ts";
import type { DeclaredEvent, Subscription } from "./event.ts";

type Consumer = Pick<Subscription, "topic" | "consumer">;
type Reference = { $ref: string };

/**
 * What is published and who consumes it, as AsyncAPI 3.0: a channel and a message for each event, an operation that
 * sends it, and one that receives it for each consumer.
 */
export function describeEvents(events: DeclaredEvent[], consumers: Consumer[]): object {
  const sorted = events.toSorted((a, b) => (a.topic < b.topic ? -1 : 1));
  return {
    asyncapi: "3.0.0",
    info: {
      title: "Shopfloor events",
      version: "1.0.0",
      description:
        "What happens in the shop, told by messages: at least once and in no particular order, each consumer on its own. Each is described as a CloudEvent 1.0 and carries ids; what is true now is read from where it is kept. The messages are rows of the database: a broker between the workers carries pointers at them and no payload.",
    },
    defaultContentType: CLOUD_EVENTS_JSON,
    channels: byTopic(sorted, ({ topic }) => ({
      address: topic,
      messages: { [topic]: { $ref: `#/components/messages/${topic}` } },
    })),
    operations: Object.assign({}, ...sorted.map((event) => operationsOf(event, consumers))) as object,
    components: {
      messages: byTopic(sorted, ({ topic }) => ({
        name: topic,
        contentType: CLOUD_EVENTS_JSON,
        correlationId: { location: "$message.payload#/correlationid" },
        payload: { $ref: `#/components/schemas/${topic}` },
      })),
      schemas: byTopic(sorted, envelopeOf),
    },
  };
}

/** Serves the document at `/asyncapi.json`. */
export function installAsyncApi(app: App, events: DeclaredEvent[], consumers: Consumer[]): void {
  const document = describeEvents(events, consumers);
  app.get("/asyncapi.json", { config: { permission: "service.read" }, schema: { hide: true } }, async () => document);
}

function byTopic(events: DeclaredEvent[], describe: (event: DeclaredEvent) => object): Record<string, object> {
  return Object.fromEntries(events.map((event) => [event.topic, describe(event)]));
}

function operationsOf({ topic }: DeclaredEvent, consumers: Consumer[]): Record<string, object> {
  const channel: Reference = { $ref: `#/channels/${topic}` };
  const messages: Reference[] = [{ $ref: `#/channels/${topic}/messages/${topic}` }];
  const receivers = consumers.filter((one) => one.topic === topic).map(({ consumer }) => consumer);
  return {
    [`publish.${topic}`]: { action: "send", channel, messages },
    ...Object.fromEntries(
      receivers.map((consumer) => [`${consumer}.${topic}`, { action: "receive", title: consumer, channel, messages }]),
    ),
  };
}

function envelopeOf({ topic, schema }: DeclaredEvent): object {
  const text = { type: "string" };
  return {
    type: "object",
    required: ["specversion", "id", "source", "type", "time", "data", "traceparent", "correlationid"],
    properties: {
      specversion: { const: "1.0" },
      id: text,
      source: { const: EVENT_SOURCE },
      type: { const: topic },
      time: { type: "string", format: "date-time" },
      datacontenttype: { const: "application/json" },
      traceparent: { ...text, description: "W3C Trace Context" },
      correlationid: { ...text, description: "of the journey: see /api/v1/operations/journeys/{correlation_id}" },
      data: plain(schema),
    },
  };
}

/** The schema without what TypeBox keeps for itself. */
function plain(schema: TSchema): unknown {
  return JSON.parse(JSON.stringify(schema));
}
