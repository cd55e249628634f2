import type { Static, TSchema } from "typebox";
import type { Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { wakeAfterCommit, writeAfterCommit } from "#src/platform/database/transact.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import type { EventType } from "./event.ts";

/**
 * Writes messages and one delivery for each consumer of their topic, in the transaction of the change they tell of:
 * no event exists without its change, and no change without its event.
 * @throws Error when a payload breaks the event's own schema: a bug here, and not a client's mistake
 */
export async function publish<Schema extends TSchema>(
  trx: Trx,
  event: EventType<Schema>,
  messages: { origin: Origin; payload: Static<Schema> }[],
): Promise<void> {
  if (messages.length === 0) return;
  for (const { payload } of messages) {
    const mistake = event.check(payload);
    if (mistake !== undefined) throw new Error(`${event.topic}: ${mistake}`);
  }
  const values = [
    event.topic,
    messages.map(({ payload }) => JSON.stringify(payload)),
    messages.map(({ origin }) => origin.correlation_id),
    messages.map(({ origin }) => origin.traceparent),
    messages.map(({ origin }) => origin.user_id),
    messages.map(({ origin }) => origin.cause),
  ];
  const write = async (writing: Trx) => void (await named(writing, "outbox_insert", INSERT_MESSAGES, values));
  if (isMutant("dual_write")) writeAfterCommit(trx, write);
  else await write(trx);
  wakeAfterCommit(trx, event.topic);
}

// Consumers come from the table and not from this process: old code must not drop the events of a new consumer.
const INSERT_MESSAGES = `
  WITH written AS (
    INSERT INTO outbox (topic, payload, correlation_id, traceparent, user_id, cause)
    SELECT $1, m.payload, m.correlation_id, m.traceparent, m.user_id, m.cause
    FROM unnest($2::jsonb[], $3::text[], $4::text[], $5::bigint[], $6::bigint[])
      AS m (payload, correlation_id, traceparent, user_id, cause)
    RETURNING id
  )
  INSERT INTO deliveries (message_id, consumer)
  SELECT written.id, s.consumer FROM written CROSS JOIN subscriptions s WHERE s.topic = $1`;

/** Tells the database which consumers there are, so that every publisher feeds them from now on. Part of `migrate`. */
export async function registerSubscriptions(
  trx: Trx,
  subscriptions: { topic: string; consumer: string }[],
): Promise<void> {
  if (subscriptions.length === 0) return;
  const rows = subscriptions.map(({ topic, consumer }) => ({ topic, consumer }));
  await trx
    .insertInto("subscriptions")
    .values(rows)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
