import type { Context, Work } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { transact } from "#src/platform/database/transact.ts";
import { queueMail } from "#src/platform/mail/mail.ts";
import type { Message } from "#src/platform/messaging/event.ts";
import { hashOf } from "#src/platform/security/one-time-token.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { type Caller, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { alreadyVerified, tokenInvalid } from "#src/modules/identity/errors.ts";
import { verifyEmailMail } from "#src/modules/identity/mails.ts";
import { makeToken } from "#src/modules/identity/one-time-tokens/make-token.ts";
import {
  listRecipients,
  lockRecipient,
  markVerified,
  type Recipient,
} from "#src/modules/identity/passwords/password-repository.ts";
import { findTokenOwner } from "#src/modules/identity/one-time-tokens/token-repository.ts";

/**
 * Notes that an address is its account's. The same token may come again until it is too old: a page that is loaded twice,
 * or a client that lost the answer, gets the same good answer, and nothing happens a second time.
 * @throws tokenInvalid (422) for a token that is unknown, too old or void
 */
export async function verifyEmail(context: Context, caller: Caller, input: { token: string }): Promise<void> {
  const token = { hash: hashOf(input.token), purpose: "verify_email" } as const;
  await transact(context, async (trx) => {
    const owner = await findTokenOwner(trx, token);
    if (owner === undefined) throw tokenInvalid();
    const { user_id } = owner;
    if (await markVerified(trx, user_id)) await recordAudit(trx, caller, { action: "account.verified", user_id });
  });
}

/**
 * Sends another link to who asks for it; the older one is void.
 * @throws alreadyVerified (409)
 */
export async function sendVerificationAgain(context: Context, origin: Origin, user_id: number): Promise<void> {
  await transact(context, async (trx) => {
    const user = await lockRecipient(trx, user_id);
    if (user === undefined || user.email_verified_at !== null) throw alreadyVerified();
    await queueVerification(trx, context, { user, origin });
  });
}

type Registered = Message<{ user_id: number }>;

/** Sends new accounts the link that verifies their address. */
export async function sendVerifications(trx: Trx, messages: Registered[], context: Work): Promise<void> {
  const origins = new Map(messages.map(({ payload, origin }) => [payload.user_id, origin]));
  for (const user of await listRecipients(trx, [...origins.keys()])) {
    const origin = origins.get(user.id);
    if (origin === undefined || user.email_verified_at !== null) continue;
    await queueVerification(trx, context, { user, origin });
  }
}

async function queueVerification(
  trx: Trx,
  context: Work,
  { user, origin }: { user: Recipient; origin: Origin },
): Promise<void> {
  const { id: user_id, email: recipient } = user;
  const seed = await makeToken(trx, context, { user_id, purpose: "verify_email" });
  await queueMail(trx, origin, { kind: verifyEmailMail, user_id, recipient, params: { seed } });
}
