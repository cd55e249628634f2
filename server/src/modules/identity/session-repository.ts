import { sql } from "kysely";
import type { Db, DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import type { Sweep } from "#src/platform/database/sweep.ts";
import type { Role } from "#src/permissions.ts";

/** Sessions that have ended are kept this long, so that it can be told when and why. */
const ENDED_DAYS = 30;

export async function insertSession(
  db: DbOrTrx,
  session: { user_id: number; user_agent: string | null; address?: string | null; days: number },
): Promise<string> {
  const { user_id, user_agent, address = null, days } = session;
  const row = await db
    .insertInto("sessions")
    .values({ user_id, user_agent, address, expires_at: sql`now() + make_interval(days => ${days})` })
    .returning("id")
    .executeTakeFirstOrThrow();
  return row.id;
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
