import type { Context, Work } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { transact } from "#src/platform/database/transact.ts";
import { queueMail } from "#src/platform/mail/mail.ts";
import type { Message } from "#src/platform/messaging/event.ts";
import { publish } from "#src/platform/messaging/publish.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { type Caller, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { passwordResetRequested } from "#src/modules/identity/events.ts";
import { passwordResetMail } from "#src/modules/identity/mails.ts";
import { makeToken } from "#src/modules/identity/one-time-tokens/make-token.ts";
import { findRecoverable, listRecipients } from "./password-repository.ts";

/**
 * Takes a request for a new password. Whoever has the address, nobody, an account that is disabled or one that is asked
 * for too often: the same statements run, and so the same time goes by. What differs is done by the worker.
 * @param input.email normalised
 * @param input.allowed whether a mail may be sent, by the limit of this address
 */
export async function requestPasswordReset(
  context: Context,
  { caller, origin }: { caller: Caller; origin: Origin },
  input: { email: string; allowed: boolean },
): Promise<void> {
  await transact(context, async (trx) => {
    const user = await findRecoverable(trx, input.email);
    const user_id = user?.id ?? null;
    const details = { limited: !input.allowed };
    // With the key that is known: to look for one, or to make one, would take longer for those who have an account.
    const key = caller.user_id === null ? (user?.audit_key ?? null) : undefined;
    await recordAudit(trx, caller, { action: "password.reset_requested", user_id, details }, key);
    const payload = { user_id: input.allowed ? user_id : null };
    await publish(trx, passwordResetRequested, [{ origin, payload }]);
  });
}

type Requested = Message<{ user_id: number | null }>;

/**
 * Makes tokens for those who asked and may act, and queues the mails with them. Who asked twice within one batch gets one
 * mail: the link of the first would be void before it was read.
 */
export async function sendPasswordResets(trx: Trx, messages: Requested[], context: Work): Promise<void> {
  const origins = new Map(messages.map(({ payload, origin }) => [payload.user_id, origin]));
  const ids = [...origins.keys()].filter((id) => id !== null);
  for (const user of await listRecipients(trx, ids)) {
    const origin = origins.get(user.id);
    if (origin === undefined) continue;
    const seed = await makeToken(trx, context, { user_id: user.id, purpose: "password_reset" });
    await queueMail(trx, origin, {
      kind: passwordResetMail,
      user_id: user.id,
      recipient: user.email,
      params: { seed },
    });
  }
}
