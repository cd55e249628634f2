import type { DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { wakeAfterCommit } from "#src/platform/database/transact.ts";

/** Names a dead letter: the delivery of one message to one consumer, as in `12.orders.reserve`. */
export const DEAD_LETTER_ID = String.raw`^[1-9]\d{0,14}\.[a-z][a-z0-9_.]{0,63}$`;

/** Which dead letters are meant; what is absent does not matter. */
export type DeadLetterFilters = { consumer?: string; topic?: string; correlation_id?: string };
export type DeadLetterKey = { message_id: number; consumer: string };

const COLUMNS = [
  "id",
  "message_id",
  "consumer",
  "topic",
  "payload",
  "correlation_id",
  "attempts",
  "error",
  "occurred_at",
  "dead_at",
] as const;

/** Deliveries that were given up and that nobody has decided about yet. */
export function selectDeadLetters(db: DbOrTrx, filters: DeadLetterFilters = {}) {
  let rows = db.selectFrom("dead_letters").select(COLUMNS);
  const { consumer, topic, correlation_id } = filters;
  if (consumer !== undefined) rows = rows.where("consumer", "=", consumer);
  if (topic !== undefined) rows = rows.where("topic", "=", topic);
  if (correlation_id !== undefined) rows = rows.where("correlation_id", "=", correlation_id);
  return rows;
}

/** How many there are, counted up to `most`. */
export async function countDeadLetters(db: DbOrTrx, filters: DeadLetterFilters, most: number): Promise<number> {
  const some = selectDeadLetters(db, filters).clearSelect().select("message_id").limit(most);
  const count = db.selectFrom(some.as("some")).select((select) => select.fn.countAll<number>().as("n"));
  return (await count.executeTakeFirstOrThrow()).n;
}

/** What an id of the shape `DEAD_LETTER_ID` names. */
export function parseDeadLetterId(id: string): DeadLetterKey {
  const dot = id.indexOf(".");
  return { message_id: Number(id.slice(0, dot)), consumer: id.slice(dot + 1) };
}

/**
 * Makes a dead letter due again, with all its attempts before it. A worker that still holds an attempt of its former life
 * can do no harm: "handled" is written once, and with it the effects.
 * @returns false when there is no such dead letter (any more): of two who replay it, one does
 */
export async function replayDeadLetter(trx: Trx, { message_id, consumer }: DeadLetterKey): Promise<boolean> {
  const [row] = await named<{ topic: string }>(trx, "dead_letters_replay_one", REPLAY_ONE, [message_id, consumer]);
  if (row !== undefined) wakeAfterCommit(trx, row.topic);
  return row !== undefined;
}

/** Replays the dead letters that died first. @returns how many; those that somebody else has in hand are left to them */
export async function replayDeadLetters(trx: Trx, filters: DeadLetterFilters, limit: number): Promise<number> {
  const { consumer = null, topic = null, correlation_id = null } = filters;
  const values = [consumer, topic, correlation_id, limit];
  const rows = await named<{ topic: string }>(trx, "dead_letters_replay", REPLAY, values);
  for (const row of rows) wakeAfterCommit(trx, row.topic);
  return rows.length;
}

/** Gives a dead letter up for good: it is no work for anybody any more. @returns false when there is none of this id */
export async function discardDeadLetter(trx: Trx, { message_id, consumer }: DeadLetterKey): Promise<boolean> {
  return (await named(trx, "dead_letters_discard", DISCARD, [message_id, consumer])).length > 0;
}

const REPLAYED = "dead_at = NULL, attempts = 0, due_at = now()";
const IS_DEAD = "d.dead_at IS NOT NULL AND d.discarded_at IS NULL";

const REPLAY_ONE = `
  UPDATE deliveries d SET ${REPLAYED} FROM outbox o
  WHERE o.id = d.message_id AND d.message_id = $1 AND d.consumer = $2 AND ${IS_DEAD} RETURNING o.topic`;

const REPLAY = `
  WITH chosen AS (
    SELECT d.message_id, d.consumer, o.topic FROM deliveries d JOIN outbox o ON o.id = d.message_id
    WHERE ${IS_DEAD} AND ($1::text IS NULL OR d.consumer = $1) AND ($2::text IS NULL OR o.topic = $2)
      AND ($3::text IS NULL OR o.correlation_id = $3)
    ORDER BY d.dead_at, d.message_id LIMIT $4 FOR UPDATE OF d SKIP LOCKED
  )
  UPDATE deliveries d SET ${REPLAYED} FROM chosen c
  WHERE d.message_id = c.message_id AND d.consumer = c.consumer AND ${IS_DEAD} RETURNING c.topic`;

const DISCARD = `
  UPDATE deliveries d SET discarded_at = now()
  WHERE d.message_id = $1 AND d.consumer = $2 AND ${IS_DEAD} RETURNING d.message_id`;
