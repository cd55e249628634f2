import { type Insertable, sql } from "kysely";
import type { DbOrTrx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import type { Tables } from "#src/platform/database/tables.gen.ts";
import type { ReadJourney } from "#src/platform/journey.ts";

/** The key that an account's addresses are hashed with, made here for accounts from before it; a deleted one has none. */
export async function readAuditKey(db: DbOrTrx, user_id: number, fresh: Buffer): Promise<Buffer | undefined> {
  const find = `SELECT audit_key FROM users WHERE id = $1 AND audit_key IS NOT NULL`;
  const [known] = await named<{ audit_key: Buffer }>(db, "users_audit_key", find, [user_id]);
  if (known !== undefined) return known.audit_key;
  const make = `UPDATE users SET audit_key = coalesce(audit_key, $2) WHERE id = $1 AND deleted_at IS NULL
    RETURNING audit_key`;
  const [made] = await named<{ audit_key: Buffer }>(db, "users_make_audit_key", make, [user_id, fresh]);
  return made?.audit_key;
}

export async function insertAudit(db: DbOrTrx, row: Insertable<Tables["audit_log"]>): Promise<void> {
  await db.insertInto("audit_log").values(row).execute();
}

/** The log, as those read it who look after the shop. */
export function selectAudit(db: DbOrTrx) {
  return db
    .selectFrom("audit_log")
    .select(["id", "action", "user_id", "actor_id", "correlation_id", "details", "occurred_at"])
    .select(sql<string | null>`encode(address_hmac, 'hex')`.as("address_hmac"));
}

/** What was written into the log on the way. */
export const auditJourney: ReadJourney = async (db, correlation_id, limit) => {
  const rows = await db
    .selectFrom("audit_log")
    .select(["action", "user_id", "actor_id", "details", "occurred_at"])
    .where("correlation_id", "=", correlation_id)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(({ action, occurred_at, ...details }) => ({ occurred_at, kind: "audit", what: action, details }));
};
