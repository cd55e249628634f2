import { sql } from "kysely";
import type { Db, DbOrTrx, Trx } from "#src/platform/database/database.ts";
import type { Role } from "#src/permissions.ts";
import type { User } from "#src/modules/identity/schemas.ts";

const USER_COLUMNS = [
  "id",
  "email",
  sql<boolean>`email_verified_at IS NOT NULL`.as("email_verified"),
  "full_name",
  "role",
  "version",
  "created_at",
  "updated_at",
] as const;

export async function insertUser(
  trx: Trx,
  user: { email: string; full_name: string; password_hash: string },
): Promise<User> {
  const row = await trx.insertInto("users").values(user).returning(USER_COLUMNS).executeTakeFirstOrThrow();
  return row;
}

export async function findUser(db: DbOrTrx, id: number): Promise<User | undefined> {
  const users = db.selectFrom("users").select(USER_COLUMNS).where("deleted_at", "is", null);
  const row = await users.where("id", "=", id).executeTakeFirst();
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

/**
 * Holds an account until the transaction ends, if it may still log in with the password that was verified: a login that
 * overtakes a change of the password would otherwise leave a session that the change should have ended.
 * @returns its key for the audit log, undefined when it may not
 */
export async function lockLogin(
  trx: Trx,
  account: { id: number; password_hash: string },
): Promise<{ audit_key: Buffer | null } | undefined> {
  return await trx
    .selectFrom("users")
    .select("audit_key")
    .where("id", "=", account.id)
    .where("password_hash", "=", account.password_hash)
    .where("status", "=", "active")
    .forNoKeyUpdate()
    .executeTakeFirst();
}

/** Holds the row until the transaction ends, so that the version that was compared is the one that is changed. */
export async function lockUser(trx: Trx, id: number): Promise<User | undefined> {
  const users = trx.selectFrom("users").select(USER_COLUMNS).where("deleted_at", "is", null);
  const row = await users.where("id", "=", id).forUpdate().executeTakeFirst();
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

/** Whose failed login is written down, and with which key, in one statement for a name that nobody has as well. */
export async function findSubject(
  db: Db,
  email: string,
): Promise<{ id: number; audit_key: Buffer | null } | undefined> {
  return await db.selectFrom("users").select(["id", "audit_key"]).where("email", "=", email).executeTakeFirst();
}

export async function findUserIdByEmail(db: Db, email: string): Promise<number | undefined> {
  return (await db.selectFrom("users").select("id").where("email", "=", email).executeTakeFirst())?.id;
}
