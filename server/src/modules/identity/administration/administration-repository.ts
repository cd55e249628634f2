import { sql } from "kysely";
import type { DbOrTrx, Trx } from "#src/platform/database/database.ts";
import type { Role } from "#src/permissions.ts";
import type { Account, AccountStatus } from "#src/modules/identity/schemas.ts";

const ACCOUNT_COLUMNS = ["id", "email", "full_name", "role", "status", "version", "created_at", "updated_at"] as const;

/** Any number; all who hold it wait for each other. */
const ADMINS_LOCK = 7_310_554;

/** All accounts but those that were deleted. */
export function selectAccounts(db: DbOrTrx) {
  return db
    .selectFrom("users")
    .select(ACCOUNT_COLUMNS)
    .select(sql<boolean>`email_verified_at IS NOT NULL`.as("email_verified"))
    .where("deleted_at", "is", null);
}

/** Accounts whose name has this text in it, in whatever case. */
export function named(text: string) {
  return sql<boolean>`full_name ILIKE ${`%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`}`;
}

/** Holds the account until the transaction ends, so that what was decided about it stays true. */
export async function lockAccount(trx: Trx, id: number): Promise<Account | undefined> {
  return await selectAccounts(trx).where("id", "=", id).forNoKeyUpdate().executeTakeFirst();
}

export async function updateAccount(
  trx: Trx,
  id: number,
  change: { role?: Role; status?: AccountStatus },
): Promise<Account> {
  await trx
    .updateTable("users")
    .set({ ...change, version: sql`version + 1`, updated_at: sql`now()` })
    .where("id", "=", id)
    .execute();
  return await selectAccounts(trx).where("id", "=", id).executeTakeFirstOrThrow();
}

/**
 * Whether somebody else may still administer. Two who stop being admins at once wait here for each other, and the second
 * one sees what the first has done: a statement of its own, because the snapshot must come after the lock.
 */
export async function hasOtherAdmin(trx: Trx, id: number): Promise<boolean> {
  await sql`SELECT pg_advisory_xact_lock(${ADMINS_LOCK})`.execute(trx);
  const other = await trx
    .selectFrom("users")
    .select("id")
    .where("role", "=", "admin")
    .where("status", "=", "active")
    .where("id", "<>", id)
    .limit(1)
    .executeTakeFirst();
  return other !== undefined;
}
