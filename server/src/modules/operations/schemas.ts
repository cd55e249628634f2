import Type from "typebox";
import { Choice, Id, Nullable, Strict, Text, Timestamp } from "#src/platform/http/schemas.ts";
import { JOURNEY_KINDS } from "#src/platform/journey.ts";
import { DEAD_LETTER_ID } from "#src/platform/messaging/dead-letters.ts";

export const Mail = Strict({
  id: Id,
  kind: Type.String({ examples: ["password_reset"] }),
  recipient: Type.String({ examples: ["ann@example.com"] }),
  subject: Type.String(),
  text: Type.String({
    description:
      "without links and tokens in production and where mails go out by SMTP: they are their recipient's only",
  }),
  correlation_id: Type.String({ description: "of the request that caused it" }),
  created_at: Timestamp,
  sent_at: Nullable(Timestamp),
});

const MAX_NAME_LENGTH = 64;
const MAX_CORRELATION_LENGTH = 64;
const CORRELATION_ID = "^[A-Za-z0-9._-]{1,64}$";

export const ConsumerName = Text(1, MAX_NAME_LENGTH, { pattern: "^[a-z][a-z0-9_.]*$", examples: ["orders.reserve"] });
export const TopicName = Text(1, MAX_NAME_LENGTH, { pattern: "^[a-z][a-z0-9_.]*$", examples: ["order.placed"] });
export const CorrelationId = Text(1, MAX_CORRELATION_LENGTH, { pattern: CORRELATION_ID });

const Count = Type.Integer({ minimum: 0 });

export const Queue = Strict({
  consumer: Type.String({ examples: ["orders.reserve"] }),
  waiting: Type.Integer({ minimum: 0, description: "deliveries that were never tried" }),
  retrying: Type.Integer({
    minimum: 0,
    description: "those that were: being worked on, or waiting for another attempt",
  }),
  dead: Count,
  oldest_age_seconds: Type.Number({ minimum: 0, description: "since the oldest open message was written" }),
  lag_seconds: Type.Number({ minimum: 0, description: "since when a delivery is due and nobody takes it" }),
  handled_last_minute: Count,
  paused: Type.Boolean(),
  paused_at: Nullable(Timestamp),
});
export const Queues = Strict({ data: Type.Array(Queue) });

export const ConsumerParams = Strict({ name: ConsumerName });
export const ConsumerState = Strict({ consumer: Type.String(), paused: Type.Boolean() });

export const DeadLetter = Strict({
  id: Type.String({ description: "the message and the consumer that gave it up", examples: ["12.orders.reserve"] }),
  message_id: Id,
  consumer: Type.String({ examples: ["orders.reserve"] }),
  topic: Type.String({ examples: ["order.placed"] }),
  payload: Type.Unknown({ description: "ids and numbers; messages carry nothing personal" }),
  correlation_id: Type.String({ description: "of the journey that it belongs to" }),
  attempts: Count,
  error: Nullable(Type.String({ description: "of the last attempt" })),
  occurred_at: Timestamp,
  dead_at: Timestamp,
});
export const DeadLetterParams = Strict({
  id: Type.String({ pattern: DEAD_LETTER_ID, maxLength: 100, examples: ["12.orders.reserve"] }),
});
export const DEAD_LETTER_FILTERS = {
  consumer: Type.Optional(ConsumerName),
  topic: Type.Optional(TopicName),
  correlation_id: Type.Optional(CorrelationId),
};
export const Replayed = Strict({
  replayed: Count,
  left: Type.Integer({ minimum: 0, description: "more of them: ask again" }),
});

export const Schedule = Strict({
  name: Type.String({ examples: ["orders.expire"] }),
  cron: Type.String({ examples: ["*/10 * * * *"] }),
  timezone: Type.String({ examples: ["UTC"] }),
  next_at: Timestamp,
  lag_seconds: Type.Number({ minimum: 0, description: "since when that moment is due and was not run with success" }),
  last_run: Nullable(
    Strict({
      moment: Timestamp,
      started_at: Timestamp,
      duration_seconds: Nullable(Type.Number({ minimum: 0 })),
      outcome: Choice(["running", "succeeded", "failed"]),
      error: Nullable(Type.String()),
    }),
  ),
  last_succeeded_at: Nullable(Timestamp),
});
export const Schedules = Strict({ data: Type.Array(Schedule) });

export const JourneyParams = Strict({ correlation_id: CorrelationId });
export const Journey = Strict({
  correlation_id: Type.String(),
  entries: Type.Array(
    Strict({
      occurred_at: Timestamp,
      kind: Choice(JOURNEY_KINDS),
      what: Type.String({ examples: ["orders.reserve: attempt 1 failed"] }),
      details: Type.Record(Type.String(), Type.Unknown()),
    }),
    { description: "oldest first; a delivery that is still open stands where it is due" },
  ),
  truncated: Type.Boolean({ description: "there is more than is shown" }),
});
