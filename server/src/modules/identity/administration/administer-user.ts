import type { Role } from "#src/permissions.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { type Caller, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { lastAdmin, userNotFound } from "#src/modules/identity/errors.ts";
import { revokeSessions } from "#src/modules/identity/sessions/revoke-sessions.ts";
import type { Account, AccountStatus } from "#src/modules/identity/schemas.ts";
import { deleteTokens } from "#src/modules/identity/one-time-tokens/token-repository.ts";
import { hasOtherAdmin, lockAccount, updateAccount } from "./administration-repository.ts";

/**
 * Changes what an account may do. Who is disabled is signed out everywhere and can't log in; a role counts from the next
 * look at the session, within a second.
 * @param change.check looks at the account before it is changed, and throws what speaks against it
 * @returns the account, and the sessions that ended: for `tellRevoked`, after the commit
 * @throws userNotFound (404), lastAdmin (409) where nobody would be left to administer
 */
export async function administerUser(
  trx: Trx,
  caller: Caller,
  change: { id: number; role?: Role; status?: AccountStatus; check?: (account: Account) => void },
): Promise<{ account: Account; revoked: string[] }> {
  const { id, check } = change;
  const before = await lockAccount(trx, id);
  if (before === undefined) throw userNotFound();
  check?.(before);
  const { role = before.role, status = before.status } = change;
  if (isActiveAdmin(before) && !isActiveAdmin({ role, status }) && !(await hasOtherAdmin(trx, id))) throw lastAdmin();
  if (role === before.role && status === before.status) return { account: before, revoked: [] };
  const account = await updateAccount(trx, id, { role, status });
  if (role !== before.role) {
    const details = { from: before.role, to: role };
    await recordAudit(trx, caller, { action: "account.role_changed", user_id: id, details });
  }
  if (status === before.status) return { account, revoked: [] };
  const action = status === "active" ? "account.enabled" : "account.disabled";
  await recordAudit(trx, caller, { action, user_id: id, details: { from: before.status, to: status } });
  if (status === "active") return { account, revoked: [] };
  // A link that was mailed before must not open the account when it is enabled again.
  await deleteTokens(trx, id);
  return { account, revoked: await revokeSessions(trx, { user_id: id, reason: "account_disabled" }) };
}

export function isActiveAdmin(account: { role: Role; status: AccountStatus }): boolean {
  return account.role === "admin" && account.status === "active";
}
