import type { ListPage } from "#src/platform/context.ts";
import type { Db, Trx } from "#src/platform/database/database.ts";

/** The sessions of a user that are still known, ended ones too, without anything that they could be used with. */
export async function listSessions(db: Db, user_id: number, { after, limit }: ListPage) {
  return await db
    .selectFrom("sessions")
    .select(["id", "user_agent", "address", "created_at", "last_used_at", "expires_at"])
    .select(["revoked_at", "revoked_reason"])
    .where("user_id", "=", user_id)
    .$if(after !== undefined, (rows) => rows.where("id", ">", String(after)))
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** What the audit log says about a user. */
export async function listAudit(db: Db, user_id: number, { after = 0, limit }: ListPage) {
  return await db
    .selectFrom("audit_log")
    .select(["id", "action", "actor_id", "correlation_id", "details", "occurred_at"])
    .where("user_id", "=", user_id)
    .where("id", ">", Number(after))
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** Removes all sessions of a user, and with them their refresh tokens, their devices and addresses. */
export async function deleteSessions(trx: Trx, user_id: number): Promise<void> {
  await trx.deleteFrom("sessions").where("user_id", "=", user_id).execute();
}
