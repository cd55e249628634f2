import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import { isActiveAdmin } from "#src/modules/identity/administration/administer-user.ts";
import { type Caller, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { badCredentials, lastAdmin } from "#src/modules/identity/errors.ts";
import { revokeSessions, tellRevoked } from "#src/modules/identity/sessions/revoke-sessions.ts";
import { hasOtherAdmin, lockAccount } from "#src/modules/identity/administration/administration-repository.ts";

/**
 * Deletes an account: every module forgets who it was, in one transaction. What others need stays under an id that is
 * nobody's any more. Open orders go on. The address is free for a new account.
 * @throws lastAdmin (409) where nobody would be left to administer, badCredentials (401) when it is deleted already
 */
export async function deleteAccount(context: Context, caller: Caller, user_id: number): Promise<void> {
  const ended = await transact(context, async (trx) => {
    const account = await lockAccount(trx, user_id);
    if (account === undefined) throw badCredentials();
    if (isActiveAdmin(account) && !(await hasOtherAdmin(trx, user_id))) throw lastAdmin();
    await recordAudit(trx, caller, { action: "account.deleted", user_id });
    const ids = await revokeSessions(trx, { user_id, reason: "account_deleted" });
    for (const { forget } of context.personalData) await forget(trx, user_id);
    return ids;
  });
  await tellRevoked(context, ended);
}
