import type { Db, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { withoutAddresses } from "#src/platform/telemetry/error-chain.ts";
import { isFinal, type Message, type Patience } from "./event.ts";

/** Attempts after which a delivery is given up. */
export const MAX_ATTEMPTS = 5;
export const BACKOFF_BASE_MS = 500;
export const BACKOFF_CAP_MS = 30_000;
export const QUEUE_PATIENCE: Patience = { maxAttempts: MAX_ATTEMPTS, capMs: BACKOFF_CAP_MS };
const MAX_ERROR_LENGTH = 4_000;
const MAX_CAUSES = 5;

/** A claimed delivery. `attempt` is the fence: who holds an older one has lost the delivery. */
export type Delivery = Message<unknown> & { consumer: string };

type ClaimedRow = {
  id: number;
  attempt: number;
  topic: string;
  payload: unknown;
  correlation_id: string;
  traceparent: string;
  user_id: number | null;
  occurred_at: string;
};

/**
 * Claims due deliveries that were never tried, oldest first. The attempt and the lease are on disk before any work is
 * done, so that a message which kills its worker is counted too.
 */
export async function claimFresh(db: Db, consumer: string, limit: number, leaseMs: number): Promise<Delivery[]> {
  const rows = await named<ClaimedRow>(db, "deliveries_claim_fresh", CLAIM_FRESH, [consumer, limit, leaseMs]);
  return rows.map((row) => deliveryOf(consumer, row));
}

/**
 * Claims one due delivery that was tried before: alone, so that one which kills its worker takes no neighbour along. Its
 * lease is up to half as long again, by chance: those of other consumers that died with the worker, too, would else be
 * due at the very moment at which it is, and die with the next one, until they were given up for nothing.
 */
export async function claimRetried(
  db: Db,
  { consumer, patience = QUEUE_PATIENCE }: { consumer: string; patience?: Patience },
  leaseMs: number,
): Promise<Delivery[]> {
  const values = [consumer, 1, leaseMs, patience.maxAttempts];
  const rows = await named<ClaimedRow>(db, "deliveries_claim_retried", CLAIM_RETRIED, values);
  return rows.map((row) => deliveryOf(consumer, row));
}

/**
 * Claims those of these deliveries that were never tried. A broker may name a delivery before its relay has committed:
 * so a row that is held is waited for and not skipped.
 */
export async function claimFreshOf(db: Db, consumer: string, ids: number[], leaseMs: number): Promise<Delivery[]> {
  const values = [consumer, ids.length, leaseMs, ids];
  const rows = await named<ClaimedRow>(db, "deliveries_claim_fresh_of", CLAIM_FRESH_OF, values);
  return rows.map((row) => deliveryOf(consumer, row));
}

/** Claims one of these deliveries that was tried before; alone, as `claimRetried`. */
export async function claimRetriedOf(
  db: Db,
  { consumer, patience = QUEUE_PATIENCE }: { consumer: string; patience?: Patience },
  ids: number[],
  leaseMs: number,
): Promise<Delivery[]> {
  const values = [consumer, 1, leaseMs, ids, patience.maxAttempts];
  const rows = await named<ClaimedRow>(db, "deliveries_claim_retried_of", CLAIM_RETRIED_OF, values);
  return rows.map((row) => deliveryOf(consumer, row));
}

/** Locks one delivery whose last attempt never came back: its worker died or hung with it. */
export async function lockExhausted(
  trx: Trx,
  { consumer, patience = QUEUE_PATIENCE }: { consumer: string; patience?: Patience },
): Promise<Delivery | undefined> {
  const values = [consumer, patience.maxAttempts];
  const [row] = await named<ClaimedRow>(trx, "deliveries_lock_exhausted", LOCK_EXHAUSTED, values);
  return row === undefined ? undefined : deliveryOf(consumer, row);
}

/**
 * Marks deliveries handled, in the transaction of their effects.
 * @returns how many were still ours; fewer than given means that a lease was lost, and the caller must roll back
 */
export async function markHandled(trx: Trx, consumer: string, deliveries: Delivery[]): Promise<number> {
  const rows = await named(trx, "deliveries_mark_handled", MARK_HANDLED, [consumer, ...fences(deliveries)]);
  return rows.length;
}

/** Prolongs the lease of the deliveries that are still ours. */
export async function renewLease(db: Db, consumer: string, deliveries: Delivery[], leaseMs: number): Promise<void> {
  await named(db, "deliveries_renew", RENEW_LEASE, [consumer, ...fences(deliveries), leaseMs]);
}

/**
 * Gives claimed deliveries back untried, for a worker that is asked to stop, or that can't work now.
 * @param delayMs until they are due again
 */
export async function giveBack(db: Db, consumer: string, deliveries: Delivery[], delayMs = 0): Promise<void> {
  if (deliveries.length === 0) return;
  await named(db, "deliveries_give_back", GIVE_BACK, [consumer, ...fences(deliveries), delayMs]);
}

/**
 * Notes a failed attempt, and when the next one is due; after the last attempt, or a final error, the delivery is dead.
 * @returns "retry", "dead", or "lost" when somebody else holds the delivery by now
 */
export async function noteFailure(
  trx: Trx,
  delivery: Delivery,
  { error, patience = QUEUE_PATIENCE }: { error: unknown; patience?: Patience | undefined },
): Promise<"retry" | "dead" | "lost"> {
  const { consumer, id, attempt } = delivery;
  const dead = attempt >= patience.maxAttempts || isFinal(error);
  const values = [consumer, id, attempt, dead, backoffMs(attempt, { capMs: patience.capMs }), describe(error)];
  const rows = await named(trx, "deliveries_note_failure", NOTE_FAILURE, values);
  if (rows.length === 0) return "lost";
  return dead ? "dead" : "retry";
}

/** Uniform in [0.5, 1] x min(cap, base x 2^n): equal jitter, so that what failed together does not return together. */
export function backoffMs(
  attempt: number,
  { capMs = BACKOFF_CAP_MS, random = Math.random }: { capMs?: number; random?: () => number } = {},
): number {
  const full = Math.min(capMs, BACKOFF_BASE_MS * 2 ** attempt);
  return Math.round(full * (0.5 + random() / 2));
}

function deliveryOf(consumer: string, row: ClaimedRow): Delivery {
  const { id, attempt, topic, payload, occurred_at, correlation_id, traceparent, user_id } = row;
  const origin = { correlation_id, traceparent, user_id, cause: id };
  return { id, consumer, attempt, topic, payload, occurred_at, origin };
}

function fences(deliveries: Delivery[]): [number[], number[]] {
  return [deliveries.map((one) => one.id), deliveries.map((one) => one.attempt)];
}

/** An error and its causes, as they are kept with what failed. */
export function describe(error: unknown): string {
  const parts: string[] = [];
  let cause: unknown = error;
  while (cause instanceof Error && parts.length < MAX_CAUSES) {
    parts.push(`${cause.name}: ${withoutAddresses(cause.message)}`);
    cause = cause.cause;
  }
  return parts.length === 0 ? "something that is no error was thrown" : parts.join(" <- ").slice(0, MAX_ERROR_LENGTH);
}

// Asked with every claim: a pause holds for all workers from the moment in which it is committed.
const IS_RUNNING = "NOT EXISTS (SELECT FROM paused_consumers p WHERE p.consumer = $1)";

const IS_OPEN = "d.handled_at IS NULL AND d.dead_at IS NULL";

function claim(condition: string, taking: string, stretch = "1"): string {
  return `
  WITH due AS (
    SELECT d.message_id FROM deliveries d
    WHERE d.consumer = $1 AND ${IS_OPEN} AND ${condition} AND ${IS_RUNNING}
    ${taking}
  ), claimed AS (
    UPDATE deliveries d SET attempts = d.attempts + 1, due_at = now() + $3::float8 * ${stretch} * interval '1 millisecond',
      relayed_at = NULL, relays = 0
    FROM due WHERE d.message_id = due.message_id AND d.consumer = $1
    RETURNING d.message_id, d.attempts
  )
  SELECT o.id, c.attempts AS attempt, o.topic, o.payload, o.correlation_id, o.traceparent, o.user_id, o.occurred_at
  FROM claimed c JOIN outbox o ON o.id = c.message_id ORDER BY o.id`;
}

const OLDEST = "ORDER BY d.due_at, d.message_id LIMIT $2 FOR UPDATE SKIP LOCKED";
const CLAIM_FRESH = claim("d.attempts = 0 AND d.due_at <= now()", OLDEST);
const LONGER_BY_CHANCE = "(1 + random() / 2)";
const CLAIM_RETRIED = claim("d.attempts > 0 AND d.attempts < $4 AND d.due_at <= now()", OLDEST, LONGER_BY_CHANCE);

// At a broker, or due, which is at a broker whose relay died before it could say so: never what somebody has in hand.
const NAMED = "d.message_id = ANY($4) AND (d.relayed_at IS NOT NULL OR d.due_at <= now())";
// In one order, so that two who were given the same ids do not wait for each other.
const EACH = "ORDER BY d.message_id LIMIT $2 FOR UPDATE";
const CLAIM_FRESH_OF = claim(`d.attempts = 0 AND ${NAMED}`, EACH);
const CLAIM_RETRIED_OF = claim(`d.attempts > 0 AND d.attempts < $5 AND ${NAMED}`, EACH, LONGER_BY_CHANCE);

const LOCK_EXHAUSTED = `
  SELECT o.id, d.attempts AS attempt, o.topic, o.payload, o.correlation_id, o.traceparent, o.user_id, o.occurred_at
  FROM deliveries d JOIN outbox o ON o.id = d.message_id
  WHERE d.consumer = $1 AND d.handled_at IS NULL AND d.dead_at IS NULL AND d.attempts >= $2 AND d.attempts > 0
    AND d.due_at <= now() AND ${IS_RUNNING}
  ORDER BY d.due_at LIMIT 1 FOR UPDATE OF d SKIP LOCKED`;

// The list stands there twice: by the join alone, a planner without fresh statistics reads the whole table.
const MINE = `d.consumer = $1 AND d.message_id = ANY($2) AND d.message_id = f.message_id AND d.attempts = f.attempt
    AND d.handled_at IS NULL AND d.dead_at IS NULL`;

const MARK_HANDLED = `
  UPDATE deliveries d SET handled_at = now()
  FROM unnest($2::bigint[], $3::int[]) AS f (message_id, attempt) WHERE ${MINE} RETURNING d.message_id`;

const RENEW_LEASE = `
  UPDATE deliveries d SET due_at = now() + $4::float8 * interval '1 millisecond'
  FROM unnest($2::bigint[], $3::int[]) AS f (message_id, attempt) WHERE ${MINE}`;

const GIVE_BACK = `
  UPDATE deliveries d SET attempts = d.attempts - 1, due_at = now() + $4::float8 * interval '1 millisecond'
  FROM unnest($2::bigint[], $3::int[]) AS f (message_id, attempt) WHERE ${MINE}`;

const NOTE_FAILURE = `
  WITH failed AS (
    UPDATE deliveries d SET dead_at = CASE WHEN $4 THEN now() END, due_at = now() + $5::float8 * interval '1 millisecond'
    WHERE d.consumer = $1 AND d.message_id = $2 AND d.attempts = $3 AND d.handled_at IS NULL AND d.dead_at IS NULL
    RETURNING d.message_id, d.consumer, d.attempts
  )
  INSERT INTO delivery_failures (message_id, consumer, attempt, error)
  SELECT message_id, consumer, attempts, $6 FROM failed RETURNING id`;
