import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import { queueMail } from "#src/platform/mail/mail.ts";
import { hashOf } from "#src/platform/security/one-time-token.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { type Caller, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { tokenInvalid } from "#src/modules/identity/errors.ts";
import { passwordChangedMail } from "#src/modules/identity/mails.ts";
import { acceptPassword } from "./new-password.ts";
import { lockRecipient, markVerified, updatePassword } from "./password-repository.ts";
import { revokeSessions, tellRevoked } from "#src/modules/identity/sessions/revoke-sessions.ts";
import { findTokenOwner, spendToken } from "#src/modules/identity/one-time-tokens/token-repository.ts";

/**
 * Sets a new password by the token of a mail, once, and ends all sessions. Who has the token reads the mails to the
 * address, so the address counts as verified, too.
 * @returns whose password it is, by the address
 * @throws tokenInvalid (422) for a token that is unknown, too old, used or void; invalid (422) for a password that we don't
 * take, and then the token stays good
 */
export async function resetPassword(
  context: Context,
  { caller, origin }: { caller: Caller; origin: Origin },
  input: { token: string; new_password: string },
): Promise<{ email: string }> {
  const token = { hash: hashOf(input.token), purpose: "password_reset" } as const;
  // Looked up first and spent later: hashing is dear, and not done for everybody who makes up a token.
  const owner = await findTokenOwner(context.db, token);
  if (owner === undefined) throw tokenInvalid();
  const { user_id, email } = owner;
  const password_hash = await context.passwords.hash(acceptPassword(input.new_password, "new_password", email));
  const revoked = await transact(context, async (trx) => {
    const user = await lockRecipient(trx, user_id);
    if (user === undefined || !(await spendToken(trx, token))) throw tokenInvalid();
    await updatePassword(trx, user_id, password_hash);
    const ids = await revokeSessions(trx, { user_id, reason: "password_reset" });
    await recordAudit(trx, caller, { action: "password.reset", user_id, details: { sessions: ids.length } });
    if (await markVerified(trx, user_id)) await recordAudit(trx, caller, { action: "account.verified", user_id });
    const params = { how: "reset" } as const;
    await queueMail(trx, origin, { kind: passwordChangedMail, user_id, recipient: user.email, params });
    return ids;
  });
  await tellRevoked(context, revoked);
  return { email };
}
