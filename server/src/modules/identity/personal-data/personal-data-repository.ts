import { sql } from "kysely";
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

/**
 * Takes from an account all that tells who it was, and its ways in. The row stays: orders and the audit log name its id.
 * The name in place of the address is none that anybody could register: it has no @.
 */
export async function anonymise(trx: Trx, id: number): Promise<void> {
  await trx
    .updateTable("users")
    .set({
      email: `deleted-${id}`,
      full_name: "Deleted user",
      password_hash: "deleted",
      role: "customer",
      status: "disabled",
      email_verified_at: null,
      audit_key: null,
      deleted_at: sql`now()`,
      version: sql`version + 1`,
      updated_at: sql`now()`,
    })
    .where("id", "=", id)
    .execute();
}
