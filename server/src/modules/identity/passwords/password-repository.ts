import { sql } from "kysely";
import type { DbOrTrx, Trx } from "#src/platform/database/database.ts";

/** Who has this address and may act, with the key for the audit log: all that a request for a reset needs, at once. */
export async function findRecoverable(
  trx: Trx,
  email: string,
): Promise<{ id: number; audit_key: Buffer | null } | undefined> {
  return await trx
    .selectFrom("users")
    .select(["id", "audit_key"])
    .where("email", "=", email)
    .where("status", "=", "active")
    .executeTakeFirst();
}

/**
 * Where mails to these accounts go; those that may not act are left out. Held until the transaction ends: a mail that is
 * queued while its account is deleted would stay behind, with the address on it.
 */
export async function listRecipients(db: DbOrTrx, ids: number[]): Promise<Recipient[]> {
  if (ids.length === 0) return [];
  return await db
    .selectFrom("users")
    .select(["id", "email", "email_verified_at"])
    .where("id", "in", ids)
    .where("status", "=", "active")
    .orderBy("id")
    .forShare()
    .execute();
}
export type Recipient = { id: number; email: string; email_verified_at: string | null };

/** Holds an account that may act until the transaction ends. Accounts are locked before tokens and sessions. */
export async function lockRecipient(trx: Trx, id: number): Promise<Recipient | undefined> {
  return await trx
    .selectFrom("users")
    .select(["id", "email", "email_verified_at"])
    .where("id", "=", id)
    .where("status", "=", "active")
    .forNoKeyUpdate()
    .executeTakeFirst();
}

export async function findPassword(
  db: DbOrTrx,
  id: number,
): Promise<{ email: string; password_hash: string } | undefined> {
  return await db
    .selectFrom("users")
    .select(["email", "password_hash"])
    .where("id", "=", id)
    .where("status", "=", "active")
    .executeTakeFirst();
}

export async function updatePassword(trx: Trx, id: number, password_hash: string): Promise<void> {
  await trx
    .updateTable("users")
    .set({ password_hash, updated_at: sql`now()` })
    .where("id", "=", id)
    .execute();
}

/** Replaces a password that is still the one that was read. @returns false when it is not */
export async function exchangePassword(trx: Trx, id: number, hashes: { from: string; to: string }): Promise<boolean> {
  const exchanged = await trx
    .updateTable("users")
    .set({ password_hash: hashes.to, updated_at: sql`now()` })
    .where("id", "=", id)
    .where("password_hash", "=", hashes.from)
    .where("status", "=", "active")
    .returning("id")
    .executeTakeFirst();
  return exchanged !== undefined;
}

/** Notes that who has the account reads mails to its address. @returns false when that was known, or the account may not act any more */
export async function markVerified(trx: Trx, id: number): Promise<boolean> {
  const verified = await trx
    .updateTable("users")
    .set({ email_verified_at: sql`now()`, version: sql`version + 1`, updated_at: sql`now()` })
    .where("id", "=", id)
    .where("email_verified_at", "is", null)
    .where("status", "=", "active")
    .returning("id")
    .executeTakeFirst();
  return verified !== undefined;
}
