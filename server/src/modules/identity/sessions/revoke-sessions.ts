import type { Context } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { markRevoked } from "./session-repository.ts";

/** Why a session was ended before its time; kept with it. */
export type RevocationReason =
  | "logout"
  | "logout_all"
  | "login"
  | "device_revoked"
  | "refresh_reuse"
  | "password_reset"
  | "password_change"
  | "account_disabled"
  | "account_deleted";

/**
 * Revokes live sessions of an account: all of them, all but one (`except`), or one (`only`). When the account itself
 * changes too, write that first: a login that is under way waits for the account's row, and then finds it changed.
 * @returns the ids that were live; hand them to `tellRevoked` after the commit
 */
export async function revokeSessions(
  trx: Trx,
  which: { user_id: number; reason: RevocationReason; except?: string; only?: string },
): Promise<string[]> {
  const { user_id, reason, except = null, only = null } = which;
  return await markRevoked(trx, { user_id, reason, except, only });
}

/**
 * Call it after the commit, before the answer: in this process the sessions are dead at once, in the others as soon as
 * they hear of it, or look again, which they do within a second. Never fails.
 */
export async function tellRevoked(context: Pick<Context, "revocations">, ids: string[]): Promise<void> {
  await context.revocations.tell(ids);
}
