import { isIP } from "node:net";
import { createTransport, type NodemailerError, type SendMailOptions } from "nodemailer";
import { asFinal } from "#src/platform/messaging/event.ts";
import type { Mailer, OutgoingMail } from "./mailer.ts";

/** A batch of the queue and one retry at the same time. */
const MAX_CONNECTIONS = 6;
const CONNECT_TIMEOUT_MS = 5_000;
/** Some servers let strangers wait for their greeting, to see who is rude. */
const GREETING_TIMEOUT_MS = 10_000;
const SILENCE_TIMEOUT_MS = 10_000;
/** All of it: a server that trickles one byte a second is never silent. */
const SEND_LIMIT_MS = 20_000;

/** Where a refusal is about this mail; the same answer to anything before is about us, and may be mended meanwhile. */
const ABOUT_THE_MAIL = new Set(["RCPT TO", "DATA"]);
const ENHANCED_STATUS = /^\d{3}[ -]([245]\.\d{1,3}\.\d{1,3})\b/;

/**
 * Sends by SMTP (RFC 5321) over connections that stay open. A 4xx, silence and a refusal of ourselves can be tried again;
 * a 5xx to the recipient or the content (section 4.2.1) is final.
 * @param options.url `smtp://`, with STARTTLS where the server has it, or `smtps://`; a password goes over TLS or loopback only
 * @param options.from as in `Shop <shop@example.com>`
 * @param options.limitMs for all of one mail; 20 s when absent
 */
export function createSmtpMailer(options: { url: string; from: string; limitMs?: number }): Mailer {
  const { hostname, username } = new URL(options.url);
  const transport = createTransport({
    url: options.url,
    pool: true,
    maxConnections: MAX_CONNECTIONS,
    // Trying again is the queue's business, which counts it.
    maxRequeues: 0,
    requireTLS: username !== "" && !isLoopback(hostname),
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: GREETING_TIMEOUT_MS,
    socketTimeout: SILENCE_TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  // A connection that breaks while idle is the next mail's business; unheard, the event would end the process.
  transport.on("error", () => undefined);
  return {
    async send(mail) {
      const signal = AbortSignal.timeout(options.limitMs ?? SEND_LIMIT_MS);
      try {
        await transport.sendMail({ ...messageOf(mail, options.from), signal });
      } catch (error) {
        throw refusalOf(error as NodemailerError);
      }
    },
    async check() {
      try {
        await transport.verify();
      } catch (error) {
        throw refusalOf(error as NodemailerError);
      }
    },
    async close() {
      transport.close({ force: true });
    },
  };
}

function messageOf(mail: OutgoingMail, from: string): SendMailOptions {
  const date = new Date(mail.created_at);
  const domain = /@([^\s>@]+)>?\s*$/.exec(from)?.[1] ?? "localhost";
  return {
    from,
    // An object, because in a text a comma or a bracket would make further recipients of one address.
    to: { name: "", address: mail.recipient },
    subject: mail.subject,
    text: mail.text,
    date,
    // From the row alone: when a crash makes the same mail come twice, the receiver can tell.
    messageId: `<${mail.id}.${date.getTime()}@${domain}>`,
    headers: {
      // RFC 3834: nobody's holiday notice answers it.
      "Auto-Submitted": "auto-generated",
      "X-Correlation-ID": mail.correlation_id,
    },
  };
}

// Servers repeat the address in their words. Errors end in rows and logs, so only codes are taken over, and no cause.
function refusalOf(error: NodemailerError): Error {
  const { responseCode, response = "", command = "", code = "", permanent } = error;
  if (responseCode === undefined) {
    const refusal = new Error(`the mail server can not be used: ${code} ${error.timeoutType ?? command}`.trim());
    return code === "EENVELOPE" ? asFinal(refusal) : refusal;
  }
  const status = [responseCode, ENHANCED_STATUS.exec(response)?.[1]].filter(Boolean).join(" ");
  const refusal = new Error(`the mail server answered ${status} to ${command}`);
  return permanent === true && ABOUT_THE_MAIL.has(command) ? asFinal(refusal) : refusal;
}

function isLoopback(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
