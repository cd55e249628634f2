import { sql } from "kysely";
import type { Db, DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import type { Sweep } from "#src/platform/database/sweep.ts";
import type { Role } from "#src/permissions.ts";
import type { TokenState } from "./refresh-token.ts";

/** Sessions that have ended are kept this long, so that it can be told when and why. */
const ENDED_DAYS = 30;

/** A session ends after this time even when it is used every day ... */
export const SESSION_DAYS = 30;
/** ... and after this time without being used. */
const IDLE_DAYS = 14;

const SECONDS_LEFT = "floor(extract(epoch FROM expires_at - clock_timestamp()))::int";
const TOKEN_END = `least(now() + make_interval(days => ${IDLE_DAYS}), s.expires_at)`;

export type Device = { user_agent: string | null; address: string | null };

/** A session without a refresh token: it can't be renewed. */
export async function insertSession(
  db: DbOrTrx,
  session: { user_id: number; days: number } & Partial<Device>,
): Promise<string> {
  const { user_id, user_agent = null, address = null, days } = session;
  const row = await db
    .insertInto("sessions")
    .values({ user_id, user_agent, address, expires_at: sql`now() + make_interval(days => ${days})` })
    .returning("id")
    .executeTakeFirstOrThrow();
  return row.id;
}

/** @returns how many seconds the token is good */
export async function insertFirstToken(trx: Trx, token: { session_id: string; hash: Buffer }): Promise<number> {
  const text = `INSERT INTO refresh_tokens (hash, session_id, expires_at)
    SELECT $1, s.id, ${TOKEN_END} FROM sessions s WHERE s.id = $2 RETURNING ${SECONDS_LEFT} AS seconds`;
  const [row] = await named<{ seconds: number }>(trx, "refresh_tokens_insert", text, [token.hash, token.session_id]);
  if (row === undefined) throw new Error("a refresh token without its session");
  return row.seconds;
}

/** Holds the session of a refresh token until the transaction ends; false when nobody was ever given such a token. */
export async function lockSessionOf(trx: Trx, hash: Buffer): Promise<boolean> {
  const text = `SELECT id FROM sessions WHERE id = (SELECT session_id FROM refresh_tokens WHERE hash = $1)
    FOR NO KEY UPDATE`;
  return (await named(trx, "sessions_lock_by_token", text, [hash])).length > 0;
}

export type FoundToken = TokenState & {
  session_id: string;
  user_id: number;
  successor_hash: Buffer | null;
  successor_seconds: number;
};

// The clock and not now(): the transaction may have begun long before it got the lock.
const FIND_TOKEN = `SELECT t.session_id, s.user_id,
    s.revoked_at IS NULL AND s.expires_at > clock_timestamp() AND u.status = 'active' AS session_live,
    t.expires_at <= clock_timestamp() AS expired,
    t.spent_at IS NOT NULL AS spent,
    $2 > 0 AND coalesce(t.spent_at > clock_timestamp() - make_interval(secs => $2), false) AS in_grace,
    coalesce(n.spent_at IS NOT NULL, true) AS successor_spent,
    n.hash AS successor_hash,
    coalesce(floor(extract(epoch FROM n.expires_at - clock_timestamp())), 0)::int AS successor_seconds
  FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id JOIN users u ON u.id = s.user_id
    LEFT JOIN refresh_tokens n ON n.parent_hash = t.hash
  WHERE t.hash = $1`;

export async function findRefreshToken(trx: Trx, hash: Buffer, graceSeconds: number): Promise<FoundToken | undefined> {
  const [row] = await named<FoundToken>(trx, "refresh_tokens_find", FIND_TOKEN, [hash, graceSeconds]);
  return row;
}

/**
 * Spends a token and writes its successor; call it with the session locked. The session is where it was used last.
 * @returns how many seconds the successor is good
 */
export async function rotateToken(
  trx: Trx,
  rotation: { session_id: string; spent: Buffer; successor: Buffer; caller: Device },
): Promise<number> {
  const text = `WITH spent AS (
      UPDATE refresh_tokens SET spent_at = clock_timestamp() WHERE hash = $2
    ), used AS (
      UPDATE sessions SET last_used_at = now(), address = $4, user_agent = coalesce($5, user_agent) WHERE id = $1
    )
    INSERT INTO refresh_tokens (hash, session_id, parent_hash, expires_at)
    SELECT $3, s.id, $2, ${TOKEN_END} FROM sessions s WHERE s.id = $1 RETURNING ${SECONDS_LEFT} AS seconds`;
  const { session_id, spent, successor, caller } = rotation;
  const values = [session_id, spent, successor, caller.address, caller.user_agent];
  const [row] = await named<{ seconds: number }>(trx, "refresh_tokens_rotate", text, values);
  if (row === undefined) throw new Error("a refresh token without its session");
  return row.seconds;
}

/** `mine`: live, and whoever asks holds what its owner holds now: a pass of it, or a refresh token that is still good. */
export type KnownSession = { id: string; user_id: number; mine: boolean };

/** The sessions that an access token and a refresh token belong to, whether they still live or not, by id. */
export async function findSessions(
  trx: Trx,
  by: { session_id: string | undefined; hash: Buffer | undefined },
): Promise<KnownSession[]> {
  const text = `SELECT id, user_id, revoked_at IS NULL AND expires_at > now() AND (id = $1 OR EXISTS (
      SELECT FROM refresh_tokens WHERE hash = $2 AND spent_at IS NULL AND expires_at > now())) AS mine FROM sessions
    WHERE id = $1 OR id = (SELECT session_id FROM refresh_tokens WHERE hash = $2) ORDER BY id`;
  return await named<KnownSession>(trx, "sessions_find", text, [by.session_id ?? null, by.hash ?? null]);
}

export async function hasLiveSession(trx: Trx, user_id: number): Promise<boolean> {
  return (await selectSessions(trx, user_id).limit(1).executeTakeFirst()) !== undefined;
}

/** Live sessions of an account as their owner sees them; each ends with its newest refresh token, or by itself. */
export function selectSessions(db: DbOrTrx, user_id: number) {
  const end = sql<string>`coalesce((SELECT max(t.expires_at) FROM refresh_tokens t WHERE t.session_id = sessions.id),
    sessions.expires_at)`;
  return db
    .selectFrom("sessions")
    .select(["id", "user_agent", "address", "created_at", "last_used_at", end.as("expires_at")])
    .where("user_id", "=", user_id)
    .where("revoked_at", "is", null)
    .where(sql<boolean>`${end} > now()`);
}

export type LiveSession = { id: string; user_id: number; role: Role };

/** The sessions among these that are neither revoked nor over, of accounts that may act; the rest is left out. */
export async function findLiveSessions(db: Db, ids: string[]): Promise<LiveSession[]> {
  return await named<LiveSession>(
    db,
    "sessions_find_live",
    `SELECT s.id, s.user_id, u.role FROM sessions s JOIN users u ON u.id = s.user_id
     WHERE s.id = ANY($1::uuid[]) AND s.revoked_at IS NULL AND s.expires_at > now() AND u.status = 'active'`,
    [ids],
  );
}

/** Marks sessions of an account as revoked, in the order of their ids, so that two who do it can't wait for each other. */
export async function markRevoked(
  trx: Trx,
  which: { user_id: number; reason: string; except: string | null; only: string | null },
): Promise<string[]> {
  const rows = await named<{ id: string }>(
    trx,
    "sessions_revoke",
    `UPDATE sessions SET revoked_at = now(), revoked_reason = $2 WHERE id IN (
       SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()
         AND ($3::uuid IS NULL OR id <> $3) AND ($4::uuid IS NULL OR id = $4)
       ORDER BY id FOR NO KEY UPDATE) RETURNING id`,
    [which.user_id, which.reason, which.except, which.only],
  );
  return rows.map((row) => row.id);
}

const SWEEP_SESSIONS = `DELETE FROM sessions WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM sessions WHERE least(revoked_at, expires_at) < now() - make_interval(days => $1)
  LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1`;
// A spent token says that it was stolen when it is sent again, but only as long as it would have been good.
const SWEEP_SPENT = `DELETE FROM refresh_tokens WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM refresh_tokens WHERE expires_at < now() AND spent_at IS NOT NULL
  LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1`;

export const sessionSweeps: Sweep[] = [
  {
    name: "sessions",
    deleteBatch: async (db, limit) => (await named(db, "sweep_sessions", SWEEP_SESSIONS, [ENDED_DAYS, limit])).length,
  },
  {
    name: "refresh_tokens",
    deleteBatch: async (db, limit) => (await named(db, "sweep_refresh_tokens", SWEEP_SPENT, [limit])).length,
  },
];
