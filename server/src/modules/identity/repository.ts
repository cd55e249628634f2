import { type Insertable, sql } from "kysely";
import type { Db, DbOrTrx, Trx } from "#src/platform/database/database.ts";
import type { Tables } from "#src/platform/database/tables.gen.ts";
import { named } from "#src/platform/database/statement.ts";
import type { Role } from "#src/permissions.ts";
import type { User } from "./schemas.ts";

const USER_COLUMNS = ["id", "email", "full_name", "role", "version", "created_at", "updated_at"] as const;

export async function insertUser(
  trx: Trx,
  user: { email: string; full_name: string; password_hash: string },
): Promise<User> {
  const row = await trx.insertInto("users").values(user).returning(USER_COLUMNS).executeTakeFirstOrThrow();
  return row;
}

export async function findUser(db: DbOrTrx, id: number): Promise<User | undefined> {
  const row = await db.selectFrom("users").select(USER_COLUMNS).where("id", "=", id).executeTakeFirst();
  return row;
}

/** What a login is checked against, for an account that may log in at all. */
export async function findCredentials(db: Db, email: string) {
  return await db
    .selectFrom("users")
    .select(["id", "password_hash"])
    .where("email", "=", email)
    .where("status", "=", "active")
    .executeTakeFirst();
}

/** Holds the row until the transaction ends, so that the version that was compared is the one that is changed. */
export async function lockUser(trx: Trx, id: number): Promise<User | undefined> {
  const row = await trx.selectFrom("users").select(USER_COLUMNS).where("id", "=", id).forUpdate().executeTakeFirst();
  return row;
}

export async function updateUser(db: DbOrTrx, id: number, change: { full_name?: string; role?: Role }): Promise<User> {
  const row = await db
    .updateTable("users")
    .set({ ...change, version: sql`version + 1`, updated_at: sql`now()` })
    .where("id", "=", id)
    .returning(USER_COLUMNS)
    .executeTakeFirstOrThrow();
  return row;
}

export async function findUserIdByEmail(db: Db, email: string): Promise<number | undefined> {
  return (await db.selectFrom("users").select("id").where("email", "=", email).executeTakeFirst())?.id;
}

/** The key that an account's addresses are hashed with, made when it is first asked for; a deleted account has none. */
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
