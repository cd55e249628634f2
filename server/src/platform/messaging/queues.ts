import type { Db, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { wakeAfterCommit } from "#src/platform/database/transact.ts";

/** What waits for one consumer. */
export type Queue = {
  consumer: string;
  /** deliveries that were never tried */
  waiting: number;
  /** those that were: they wait for their next attempt, or are being worked on */
  retrying: number;
  dead: number;
  /** since the oldest open message was written, in seconds; 0 when there is none */
  oldest_age_seconds: number;
  /** since the first of the open deliveries is due and nobody takes it, in seconds; 0 when none is */
  lag_seconds: number;
  paused_at: string | null;
};

/** Every queue there is, by consumer: also those that are empty. */
export async function listQueues(db: Db): Promise<Queue[]> {
  return await named<Queue>(db, "messaging_queues", LIST_QUEUES, []);
}

/** Deliveries that each consumer has handled within the last minute; one that has handled none is missing in the map. */
export async function countHandled(db: Db): Promise<Map<string, number>> {
  const rows = await named<{ consumer: string; handled: number }>(db, "messaging_handled", COUNT_HANDLED, []);
  return new Map(rows.map((row) => [row.consumer, row.handled]));
}

/**
 * Holds a consumer up, in all workers and until it is resumed: claims look here, so nothing new begins once this is
 * committed. What has begun is finished.
 * @returns "unknown" when nobody is called so, "unchanged" when it is paused already
 */
export async function pauseConsumer(trx: Trx, consumer: string): Promise<"paused" | "unchanged" | "unknown"> {
  if ((await topicsOf(trx, consumer)).length === 0) return "unknown";
  return (await named(trx, "consumers_pause", PAUSE, [consumer])).length > 0 ? "paused" : "unchanged";
}

/** Lets a paused consumer go on. @returns "unknown" when nobody is called so, "unchanged" when it is not paused */
export async function resumeConsumer(trx: Trx, consumer: string): Promise<"resumed" | "unchanged" | "unknown"> {
  const topics = await topicsOf(trx, consumer);
  if (topics.length === 0) return "unknown";
  for (const topic of topics) wakeAfterCommit(trx, topic);
  return (await named(trx, "consumers_resume", RESUME, [consumer])).length > 0 ? "resumed" : "unchanged";
}

async function topicsOf(trx: Trx, consumer: string): Promise<string[]> {
  const text = "SELECT topic FROM subscriptions WHERE consumer = $1";
  return (await named<{ topic: string }>(trx, "consumers_topics", text, [consumer])).map((row) => row.topic);
}

// Fresh and retried apart: only so PostgreSQL counts in the small indexes of what is open, and not in the whole table.
const LIST_QUEUES = `
  SELECT s.consumer, fresh.n AS waiting, retried.n AS retrying, dead.n AS dead, p.paused_at,
    coalesce(extract(epoch FROM now() - (
      SELECT o.occurred_at FROM outbox o WHERE o.id = least(fresh.oldest, retried.oldest)
    )), 0)::float8 AS oldest_age_seconds,
    coalesce(greatest(0, extract(epoch FROM now() - least(fresh.due_at, retried.due_at))), 0)::float8 AS lag_seconds
  FROM (SELECT DISTINCT consumer FROM subscriptions) s
  CROSS JOIN LATERAL (
    SELECT count(*) AS n, min(d.message_id) AS oldest, min(d.due_at) AS due_at FROM deliveries d
    WHERE d.consumer = s.consumer AND d.handled_at IS NULL AND d.dead_at IS NULL AND d.attempts = 0
  ) fresh
  CROSS JOIN LATERAL (
    SELECT count(*) AS n, min(d.message_id) AS oldest, min(d.due_at) AS due_at FROM deliveries d
    WHERE d.consumer = s.consumer AND d.handled_at IS NULL AND d.dead_at IS NULL AND d.attempts > 0
  ) retried
  CROSS JOIN LATERAL (
    SELECT count(*) AS n FROM deliveries d
    WHERE d.consumer = s.consumer AND d.dead_at IS NOT NULL AND d.discarded_at IS NULL
  ) dead
  LEFT JOIN paused_consumers p ON p.consumer = s.consumer
  ORDER BY s.consumer`;

const COUNT_HANDLED = `
  SELECT consumer, count(*) AS handled FROM deliveries WHERE handled_at > now() - interval '1 minute' GROUP BY consumer`;

const PAUSE = "INSERT INTO paused_consumers (consumer) VALUES ($1) ON CONFLICT DO NOTHING RETURNING consumer";
const RESUME = "DELETE FROM paused_consumers WHERE consumer = $1 RETURNING consumer";
