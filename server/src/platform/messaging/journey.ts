import { named } from "#src/platform/database/statement.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import type { JourneyEntry, ReadJourney } from "#src/platform/journey.ts";
import { traceIdOf } from "#src/platform/telemetry/trace.ts";

type MessageRow = {
  id: number;
  topic: string;
  payload: unknown;
  traceparent: string;
  user_id: number | null;
  cause: number | null;
  occurred_at: string;
};
type DeliveryRow = {
  message_id: number;
  consumer: string;
  attempts: number;
  state: "handled" | "discarded" | "dead" | "open";
  at: string;
};
type FailureRow = { message_id: number; consumer: string; attempt: number; error: string; failed_at: string };

/** What the queue knows of a journey: the requests that began it, its messages, and what became of each delivery. */
export const messagingJourney: ReadJourney = async (db, correlation_id, limit) => {
  const values = [correlation_id, limit];
  const messages = await named<MessageRow>(db, "journey_messages", MESSAGES, values);
  const deliveries = await named<DeliveryRow>(db, "journey_deliveries", DELIVERIES, values);
  const failures = await named<FailureRow>(db, "journey_failures", FAILURES, values);
  return [
    ...requestsOf(messages),
    ...messages.map(tellMessage),
    ...(isMutant("journey_without_failures") ? [] : failures.map(tellFailure)),
    ...deliveries.map(tellDelivery),
  ];
};

/** Requests are not kept as such: what no other message caused was published by one, or by a schedule. */
function requestsOf(messages: MessageRow[]): JourneyEntry[] {
  const first = new Map<string, MessageRow>();
  for (const message of messages) {
    if (message.cause === null && !first.has(message.traceparent)) first.set(message.traceparent, message);
  }
  return [...first.values()].map(({ occurred_at, user_id, traceparent }) => {
    const what = user_id === null ? "a request of nobody who is signed in" : `a request of user ${user_id}`;
    return { occurred_at, kind: "request", what, details: { user_id, trace_id: traceIdOf(traceparent) } };
  });
}

function tellMessage({ id, topic, payload, cause, occurred_at }: MessageRow): JourneyEntry {
  return { occurred_at, kind: "message", what: topic, details: { message_id: id, topic, payload, cause } };
}

function tellFailure({ message_id, consumer, attempt, error, failed_at }: FailureRow): JourneyEntry {
  const details = { message_id, consumer, state: "failed", attempt, error };
  return { occurred_at: failed_at, kind: "delivery", what: `${consumer}: attempt ${attempt} failed`, details };
}

function tellDelivery({ message_id, consumer, attempts, state, at }: DeliveryRow): JourneyEntry {
  const what = state === "open" ? `${consumer}: due` : `${consumer}: ${state}`;
  return { occurred_at: at, kind: "delivery", what, details: { message_id, consumer, state, attempt: attempts } };
}

const MESSAGES = `
  SELECT id, topic, payload, traceparent, user_id, cause, occurred_at FROM outbox
  WHERE correlation_id = $1 ORDER BY id LIMIT $2`;

const DELIVERIES = `
  SELECT d.message_id, d.consumer, d.attempts,
    CASE WHEN d.handled_at IS NOT NULL THEN 'handled' WHEN d.discarded_at IS NOT NULL THEN 'discarded'
         WHEN d.dead_at IS NOT NULL THEN 'dead' ELSE 'open' END AS state,
    coalesce(d.handled_at, d.discarded_at, d.dead_at, d.due_at) AS at
  FROM outbox o JOIN deliveries d ON d.message_id = o.id
  WHERE o.correlation_id = $1 ORDER BY d.message_id, d.consumer LIMIT $2`;

const FAILURES = `
  SELECT f.message_id, f.consumer, f.attempt, f.error, f.failed_at
  FROM outbox o JOIN delivery_failures f ON f.message_id = o.id
  WHERE o.correlation_id = $1 ORDER BY f.id LIMIT $2`;
