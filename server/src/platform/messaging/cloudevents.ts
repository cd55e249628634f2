import type { Message } from "./event.ts";

/**
 * A message as it leaves this process: a CloudEvent of version 1.0 in the JSON format, with the extension `traceparent`
 * (Distributed Tracing) and one of ours, `correlationid`. Source: the CNCF's specification, 1.0.2.
 */
export type CloudEvent = {
  specversion: "1.0";
  /** with `source` unique: the message's id, the same however often it is sent */
  id: string;
  source: typeof EVENT_SOURCE;
  /** the topic */
  type: string;
  time: string;
  datacontenttype: "application/json";
  traceparent: string;
  correlationid: string;
  data: unknown;
};

/** A relative reference, because shops have no address in common. */
export const EVENT_SOURCE = "/shopfloor";
export const CLOUD_EVENTS_JSON = "application/cloudevents+json";

export function toCloudEvent(message: Omit<Message<unknown>, "attempt">): CloudEvent {
  const { id, topic, payload, occurred_at, origin } = message;
  return {
    specversion: "1.0",
    id: String(id),
    source: EVENT_SOURCE,
    type: topic,
    time: occurred_at,
    datacontenttype: "application/json",
    traceparent: origin.traceparent,
    correlationid: origin.correlation_id,
    data: payload,
  };
}
