import { createHmac, randomBytes } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { DbOrTrx } from "#src/platform/database/database.ts";
import { clientAddress } from "#src/platform/http/rate-limit.ts";
import { insertAudit, readAuditKey } from "./audit-repository.ts";

/** What is written down about accounts, and about hands that were laid on the machinery. A word more is a decision. */
export const AUDIT_ACTIONS = [
  "account.opened",
  "account.verified",
  "account.deleted",
  "account.exported",
  "account.role_changed",
  "account.disabled",
  "account.enabled",
  "login.succeeded",
  "login.failed",
  "login.throttled",
  "session.closed",
  "session.revoked",
  "session.refresh_reused",
  "password.reset_requested",
  "password.reset",
  "password.changed",
  "password.upgraded",
  "dead_letter.replayed",
  "dead_letter.discarded",
  "dead_letters.replayed",
  "consumer.paused",
  "consumer.resumed",
] as const;
export type AuditAction = (typeof AUDIT_ACTIONS)[number];

/** Who asks, as far as it is known: for the audit log and the list of devices. */
export type Caller = {
  correlation_id: string;
  /** null for a command of the operator */
  address: string | null;
  user_agent: string | null;
  /** who is signed in, null when nobody is */
  user_id: number | null;
};

type AuditEntry = {
  action: AuditAction;
  user_id: number | null;
  details?: Record<string, string | number | boolean>;
};

const MAX_USER_AGENT_LENGTH = 300;
const AUDIT_KEY_BYTES = 32;
const NOBODYS_KEY = randomBytes(AUDIT_KEY_BYTES);
// Ids and words of ours. Nothing that a client has written fits: no line break, no blank, no @ of an address.
const DETAIL = /^[A-Za-z0-9._-]{1,64}$/;

export function callerOf(request: FastifyRequest): Caller {
  return {
    correlation_id: request.id,
    address: clientAddress(request),
    user_agent: request.headers["user-agent"]?.slice(0, MAX_USER_AGENT_LENGTH) ?? null,
    user_id: request.user?.id ?? null,
  };
}

/**
 * Writes down what happened, in the transaction in which it happened (ASVS 5.0, 16.2 and 16.3): who did what to whose
 * account, when, in which request. No e-mail address and no network address is in it: the latter only as HMAC-SHA256
 * under a key of the account that acts, or, where nobody is signed in, of the one it is about. The key goes with its
 * account, and with it the meaning. What was tried on a name that nobody has is written without an address.
 * @param entry.user_id whose account it is about; null when there is none of that name
 * @param entry.details ids, numbers and words of our own, never what a client has written
 * @param known the account's key for addresses, or null for none, where it was read already
 * @throws Error for a detail that is anything else: a bug here, and not a client's mistake
 */
export async function recordAudit(
  db: DbOrTrx,
  caller: Caller,
  entry: AuditEntry,
  known?: Buffer | null,
): Promise<void> {
  const { action, user_id, details = {} } = entry;
  for (const [name, value] of Object.entries(details)) {
    if (!DETAIL.test(name) || !DETAIL.test(String(value))) throw new Error(`audit ${action}: ${name} is no word`);
  }
  const { correlation_id, user_id: actor_id, address } = caller;
  const key = known === undefined ? await keyOf(db, actor_id ?? user_id) : known;
  // Made for nobody, too, and dropped: who measures an answer would else learn that there is an account.
  const hmac =
    address === null
      ? null
      : createHmac("sha256", key ?? NOBODYS_KEY)
          .update(address)
          .digest();
  const entered = { action, user_id, actor_id, address_hmac: key === null ? null : hmac, correlation_id };
  await insertAudit(db, { ...entered, details: JSON.stringify(details) });
}

async function keyOf(db: DbOrTrx, user_id: number | null): Promise<Buffer | null> {
  if (user_id === null) return null;
  return (await readAuditKey(db, user_id, randomBytes(AUDIT_KEY_BYTES))) ?? null;
}
