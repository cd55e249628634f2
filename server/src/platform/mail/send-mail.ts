import type { Context, Work } from "#src/platform/context.ts";
import { asFinal, type Message, subscribe } from "#src/platform/messaging/event.ts";
import { tokenOf } from "#src/platform/security/one-time-token.ts";
import { mailQueued, type MailTools, renderMail } from "./mail.ts";
import { findMail, markSent } from "./stored-mails.ts";

/** Mails that are handed over side by side. */
const SENDING_BATCH = 5;
/** About 20 minutes in all: a server that makes strangers come again (greylisting) lets them in within that time. */
const PATIENCE = { maxAttempts: 14, capMs: 300_000 };

/** Stands where the link or token of a mail would be, for those to whom it was not sent. */
const HIDDEN = "(hidden)";

type Queued = Message<{ mail_id: number }>;

/**
 * The consumer that sends. It does so outside of a transaction: a slow mail server holds up mails, and neither a
 * connection to the database nor any other consumer. A mail whose sending could not be noted is sent again, under the
 * same Message-ID; one that is gone by now, with its account, is left alone.
 */
export const mailSending = subscribe(mailQueued, {
  consumer: "mail.send",
  maxBatch: SENDING_BATCH,
  patience: PATIENCE,
  async act({ payload }: Queued, context: Work) {
    const mail = await findMail(context.db, payload.mail_id);
    if (mail === undefined || mail.sent_at !== null) return;
    const content = renderMail(sendingTools(context), mail);
    if (content === undefined) throw asFinal(new Error(`this version knows no mail like ${mail.id} (${mail.kind})`));
    await context.mailer.send({ ...mail, ...content });
  },
  async handle(trx, messages) {
    await markSent(
      trx,
      messages.map(({ payload }) => payload.mail_id),
    );
  },
  // The row stays unsent, and the dead letter says why; whoever waits for a mail can ask for another one.
  onDead: async () => undefined,
});

function sendingTools({ config, tokenSecret }: Work): MailTools {
  return { publicUrl: config.publicUrl, tokenOf: (purpose, seed) => tokenOf(tokenSecret, purpose, seed) };
}

/**
 * For those who look at a mail without being its recipient. Where mails really go out, or in production, the staff must
 * not come into an administrator's account by a link in there; on a developer's machine the mailbox is the only way to it.
 */
export function lookingTools(context: Context): MailTools {
  const { production, mail } = context.config;
  if (!production && mail === "mailbox") return sendingTools(context);
  return { publicUrl: context.config.publicUrl, tokenOf: () => HIDDEN };
}
