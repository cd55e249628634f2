import { createHmac, randomBytes } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { DbOrTrx } from "#src/platform/database/database.ts";
import { clientAddress } from "#src/platform/http/rate-limit.ts";
import { insertAudit, readAuditKey } from "./repository.ts";

/** What is written down about accounts. A word more is a decision: the log is for ever. */
export type AuditAction =
  | "account.opened"
  | "account.verified"
  | "account.deleted"
  | "account.exported"
  | "account.role_changed"
  | "account.disabled"
  | "account.enabled"
  | "login.succeeded"
  | "login.failed"
  | "login.throttled"
  | "session.closed"
  | "session.revoked"
  | "session.refresh_reused"
  | "password.reset_requested"
  | "password.reset"
  | "password.changed"
  | "password.upgraded";

/** Who asks, as far as it is known: for the audit log and the list of devices. */
export type Caller = {
  correlation_id: string;
  address: string;
  user_agent: string | null;
  /** who is signed in, null when nobody is */
  user_id: number | null;
};

const MAX_USER_AGENT_LENGTH = 300;
const AUDIT_KEY_BYTES = 32;

export function callerOf(request: FastifyRequest): Caller {
  return {
    correlation_id: request.id,
    address: clientAddress(request),
    user_agent: request.headers["user-agent"]?.slice(0, MAX_USER_AGENT_LENGTH) ?? null,
    user_id: request.user?.id ?? null,
  };
}

/**
 * Writes down what happened, in the transaction in which it happened. No e-mail address and no network address is in it:
 * the latter only as HMAC-SHA256 under a key of the account's own, which goes with the account.
 * @param entry.user_id whose account it is about; null when there is none of that name
 * @param entry.details words and numbers that name nobody
 */
export async function recordAudit(
  db: DbOrTrx,
  caller: Caller,
  entry: { action: AuditAction; user_id: number | null; details?: Record<string, string | number | boolean> },
): Promise<void> {
  const { action, user_id, details = {} } = entry;
  const key = user_id === null ? undefined : await readAuditKey(db, user_id, randomBytes(AUDIT_KEY_BYTES));
  const address_hmac = key === undefined ? null : createHmac("sha256", key).update(caller.address).digest();
  const { correlation_id, user_id: actor_id } = caller;
  await insertAudit(db, { action, user_id, actor_id, address_hmac, correlation_id, details: JSON.stringify(details) });
}
