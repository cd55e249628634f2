import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import type { User } from "#src/platform/http/app.ts";
import { queueMail } from "#src/platform/mail/mail.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { type Caller, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { wrongPassword } from "#src/modules/identity/errors.ts";
import { passwordChangedMail } from "#src/modules/identity/mails.ts";
import { acceptPassword } from "./new-password.ts";
import { exchangePassword, findPassword } from "./password-repository.ts";
import { revokeSessions, tellRevoked } from "#src/modules/identity/sessions/revoke-sessions.ts";
import { deleteTokens } from "#src/modules/identity/one-time-tokens/token-repository.ts";

/**
 * Replaces the password of somebody who knows it, and ends the other sessions: whoever else had the old one is out.
 * @throws wrongPassword (422) when the current one is another, invalid (422) for a new one that we don't take
 */
export async function changePassword(
  context: Context,
  { caller, origin, user }: { caller: Caller; origin: Origin; user: User },
  input: { current_password: string; new_password: string },
): Promise<void> {
  const { id: user_id, session_id } = user;
  const account = await findPassword(context.db, user_id);
  const to = acceptPassword(input.new_password, "new_password", account?.email);
  const matches = await context.passwords.verify(account?.password_hash, input.current_password);
  if (account === undefined || !matches) throw wrongPassword();
  const { email: recipient, password_hash } = account;
  const hashes = { from: password_hash, to: await context.passwords.hash(to) };
  const revoked = await transact(context, async (trx) => {
    // Somebody else was faster, with a change or a reset: what was checked is the password no more.
    if (!(await exchangePassword(trx, user_id, hashes))) throw wrongPassword();
    await deleteTokens(trx, user_id, "password_reset");
    const ids = await revokeSessions(trx, { user_id, reason: "password_change", except: session_id });
    await recordAudit(trx, caller, { action: "password.changed", user_id, details: { sessions: ids.length } });
    await queueMail(trx, origin, { kind: passwordChangedMail, user_id, recipient, params: { how: "change" } });
    return ids;
  });
  await tellRevoked(context, revoked);
}
