import type { Db, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import type { Parcel } from "./broker.ts";
import { QUEUE_PATIENCE } from "./deliveries.ts";
import type { Subscription } from "./event.ts";

/** Patience grows to sixteen times its measure: a long backlog is not copied each minute, and what a broker forgets is not gone for long. */
const MAX_DOUBLINGS = 4;

/**
 * Locks deliveries that are due, of consumers that are not paused, and says what a broker needs to know of them.
 * What a broker has already got is due again when patience with it is over, and what a worker has claimed when its lease is.
 * @param limit the most of each consumer's fresh ones, and as many of those that were tried before
 */
export async function lockDue(trx: Trx, subscriptions: Subscription[], limit: number): Promise<Parcel[]> {
  const consumers = subscriptions.map(({ consumer }) => consumer);
  const attempts = subscriptions.map(({ patience = QUEUE_PATIENCE }) => patience.maxAttempts);
  return await named<Parcel>(trx, "deliveries_lock_due", LOCK_DUE, [consumers, attempts, limit]);
}

/** Notes that a broker has these deliveries, and when it is to be told again: later each time. */
export async function markRelayed(trx: Trx, parcels: Parcel[], patienceMs: number): Promise<void> {
  const ids = parcels.map(({ message_id }) => message_id);
  const values = [ids, parcels.map(({ consumer }) => consumer), patienceMs, MAX_DOUBLINGS];
  await named(trx, "deliveries_mark_relayed", MARK_RELAYED, values);
}

/** Takes those of these deliveries back that a broker has handed over and nobody may work on, as their consumer is paused. */
export async function takeBack(db: Db, consumer: string, ids: number[]): Promise<void> {
  await named(db, "deliveries_take_back", TAKE_BACK, [consumer, ids]);
}

/** Takes back all that any broker has: for workers on PostgreSQL, which would wait until patience with it is over. */
export async function takeAllBack(db: Db): Promise<void> {
  await named(db, "deliveries_take_all_back", TAKE_ALL_BACK, []);
}

const IS_OPEN = "d.handled_at IS NULL AND d.dead_at IS NULL";

// Fresh and retried apart, as they are claimed: each has its index. Exhausted ones are buried and not sent.
const due = (condition: string): string => `
    SELECT r.message_id, r.consumer
    FROM unnest($1::text[], $2::int[]) AS s (consumer, max_attempts) CROSS JOIN LATERAL (
      SELECT d.message_id, d.consumer FROM deliveries d
      WHERE d.consumer = s.consumer AND ${IS_OPEN} AND ${condition} AND d.due_at <= now()
        AND NOT EXISTS (SELECT FROM paused_consumers p WHERE p.consumer = s.consumer)
      ORDER BY d.due_at, d.message_id LIMIT $3 FOR UPDATE SKIP LOCKED
    ) r`;

const LOCK_DUE = `
  WITH due AS (${due("d.attempts = 0")}
    UNION ALL ${due("d.attempts > 0 AND d.attempts < s.max_attempts")}
  )
  SELECT o.id AS message_id, due.consumer, o.topic, o.correlation_id, o.traceparent
  FROM due JOIN outbox o ON o.id = due.message_id ORDER BY o.id`;

// By the clock and not by the transaction's beginning: the broker's answer lies between them.
const MARK_RELAYED = `
  UPDATE deliveries d SET relayed_at = clock_timestamp(), relays = d.relays + 1,
    due_at = clock_timestamp() + $3::float8 * power(2, least(d.relays, $4::int)) * interval '1 millisecond'
  FROM unnest($1::bigint[], $2::text[]) AS r (message_id, consumer)
  WHERE d.message_id = r.message_id AND d.consumer = r.consumer AND d.message_id = ANY($1)`;

const TAKE_BACK = `
  UPDATE deliveries d SET relayed_at = NULL, relays = 0, due_at = now()
  WHERE d.consumer = $1 AND d.message_id = ANY($2) AND ${IS_OPEN} AND d.relayed_at IS NOT NULL`;

const TAKE_ALL_BACK = `
  UPDATE deliveries d SET relayed_at = NULL, relays = 0, due_at = now()
  WHERE ${IS_OPEN} AND d.relayed_at IS NOT NULL`;
