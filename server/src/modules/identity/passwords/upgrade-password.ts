import type { Context } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { Problem } from "#src/platform/http/problem.ts";
import { hashingBusy } from "#src/platform/security/passwords.ts";
import { type Caller, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { updatePassword } from "./password-repository.ts";

/** The hash of today for a password that was just verified; undefined when too many wait: the next login does it then. */
export async function hashAgain(context: Context, password: string): Promise<string | undefined> {
  try {
    return await context.passwords.hash(password);
  } catch (error) {
    if (error instanceof Problem && error.code === hashingBusy.code) return undefined;
    throw error;
  }
}

/** Replaces a hash of an older kind. The account is locked, and its hash still the one that was verified. */
export async function upgradePassword(trx: Trx, caller: Caller, user_id: number, hash: string): Promise<void> {
  await updatePassword(trx, user_id, hash);
  await recordAudit(trx, { ...caller, user_id }, { action: "password.upgraded", user_id });
}
