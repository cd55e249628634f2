import { sql } from "kysely";
import { type Check, NAMED_OFFENDERS } from "#src/platform/database/check.ts";
import { HANDLED_DAYS } from "./retention.ts";

/** A lease and its renewals are seconds; a delivery that is due for this long is looked at by nobody. */
const OVERDUE_MINUTES = 15;

export const messagingChecks: Check[] = [
  {
    name: "messages: each has a delivery for every consumer that was subscribed when it was written",
    async find(trx) {
      const { rows } = await sql<{ id: number; consumer: string }>`
        SELECT o.id, s.consumer FROM outbox o JOIN subscriptions s ON s.topic = o.topic AND s.created_at < o.occurred_at
        WHERE NOT EXISTS (SELECT FROM deliveries d WHERE d.message_id = o.id AND d.consumer = s.consumer)
          AND o.occurred_at > now() - make_interval(days => ${HANDLED_DAYS})
        ORDER BY o.id LIMIT ${NAMED_OFFENDERS}`.execute(trx);
      return rows.map((row) => `message ${row.id} has none for ${row.consumer}`);
    },
  },
  {
    name: "messages: every delivery belongs to a message",
    async find(trx) {
      const { rows } = await sql<{ message_id: number; consumer: string }>`
        SELECT message_id, consumer FROM deliveries d WHERE NOT EXISTS (SELECT FROM outbox o WHERE o.id = d.message_id)
        ORDER BY message_id LIMIT ${NAMED_OFFENDERS}`.execute(trx);
      return rows.map((row) => `${row.consumer} has a delivery of message ${row.message_id}, which is gone`);
    },
  },
  {
    name: `messages: none is due for more than ${OVERDUE_MINUTES} minutes`,
    async find(trx) {
      const { rows } = await sql<{ message_id: number; consumer: string; due_at: string }>`
        SELECT message_id, consumer, due_at FROM deliveries WHERE handled_at IS NULL AND dead_at IS NULL
          AND due_at < now() - make_interval(mins => ${OVERDUE_MINUTES})
          AND NOT EXISTS (SELECT FROM paused_consumers p WHERE p.consumer = deliveries.consumer)
        ORDER BY due_at LIMIT ${NAMED_OFFENDERS}`.execute(trx);
      return rows.map(
        (row) => `message ${row.message_id} for ${row.consumer}, due ${row.due_at}: is a worker running?`,
      );
    },
  },
];
