import { sql } from "kysely";
import type { DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import type { Sweep } from "#src/platform/database/sweep.ts";

/** What a one-time token is good for; it is none for anything else. */
export type TokenPurpose = "password_reset" | "verify_email";

/** Stores a token in the place of the account's older one for this purpose, which is void from now on. */
export async function replaceToken(
  trx: Trx,
  token: { user_id: number; purpose: TokenPurpose; hash: Buffer; minutes: number },
): Promise<void> {
  const { user_id, purpose, hash, minutes } = token;
  const expires_at = sql<string>`now() + make_interval(mins => ${minutes})`;
  await trx
    .insertInto("one_time_tokens")
    .values({ user_id, purpose, hash, expires_at })
    .onConflict((conflict) =>
      conflict.columns(["user_id", "purpose"]).doUpdateSet({ hash, expires_at, created_at: sql`now()` }),
    )
    .execute();
}

/** Whose token this is, while it is good and the account may act. */
export async function findTokenOwner(
  db: DbOrTrx,
  token: { hash: Buffer; purpose: TokenPurpose },
): Promise<{ user_id: number; email: string } | undefined> {
  return await db
    .selectFrom("one_time_tokens")
    .innerJoin("users", "users.id", "one_time_tokens.user_id")
    .select(["one_time_tokens.user_id", "users.email"])
    .where("hash", "=", token.hash)
    .where("purpose", "=", token.purpose)
    .where("expires_at", ">", sql<string>`now()`)
    .where("status", "=", "active")
    .executeTakeFirst();
}

/** Uses a token up. @returns false when it is not there any more, or too old: somebody else may have been first */
export async function spendToken(trx: Trx, token: { hash: Buffer; purpose: TokenPurpose }): Promise<boolean> {
  const spent = await trx
    .deleteFrom("one_time_tokens")
    .where("hash", "=", token.hash)
    .where("purpose", "=", token.purpose)
    .where("expires_at", ">", sql<string>`now()`)
    .returning("user_id")
    .executeTakeFirst();
  return spent !== undefined;
}

/** Voids the tokens of an account: those for one purpose, or all. */
export async function deleteTokens(trx: Trx, user_id: number, purpose?: TokenPurpose): Promise<void> {
  const tokens = trx.deleteFrom("one_time_tokens").where("user_id", "=", user_id);
  await (purpose === undefined ? tokens : tokens.where("purpose", "=", purpose)).execute();
}

const SWEEP_EXPIRED = `DELETE FROM one_time_tokens WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM one_time_tokens WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1`;

export const tokenSweeps: Sweep[] = [
  {
    name: "one_time_tokens",
    deleteBatch: async (db, limit) => (await named(db, "sweep_one_time_tokens", SWEEP_EXPIRED, [limit])).length,
  },
];
