import type { Trx } from "#src/platform/database/database.ts";
import { type Caller, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { endSessions } from "./close-session.ts";
import type { RefreshCookie } from "./refresh-cookie.ts";
import { hashOf } from "#src/platform/security/one-time-token.ts";
import { firstToken, hashOfSent } from "./refresh-token.ts";
import { lockLogin } from "#src/modules/identity/accounts/user-repository.ts";
import { findSessions, insertFirstToken, insertSession, SESSION_DAYS } from "./session-repository.ts";

/** A session that was just opened; `closed` is what it replaced: hand it to `tellRevoked` after the commit. */
export type OpenedSession = { session_id: string; cookie: RefreshCookie; closed: string[] };

/**
 * Opens a session for an account whose password was verified. The session that the client had before is closed, so that
 * none lives on whose cookie was overwritten (OWASP ASVS 5.0, 7.2.4).
 * @param replaced the refresh token that the client sent along
 * @returns undefined when the account has changed since its password was verified
 */
export async function openSession(
  trx: Trx,
  caller: Caller,
  account: { id: number; password_hash: string },
  replaced: string | undefined,
): Promise<OpenedSession | undefined> {
  const locked = await lockLogin(trx, account);
  if (locked === undefined) return undefined;
  const signedIn = { ...caller, user_id: account.id };
  const hash = hashOfSent(replaced);
  const old = hash === undefined ? [] : await findSessions(trx, { session_id: undefined, hash });
  const closed = await endSessions(trx, signedIn, old, "login");
  const { user_agent, address } = caller;
  const session_id = await insertSession(trx, { user_id: account.id, user_agent, address, days: SESSION_DAYS });
  const token = firstToken();
  const seconds = await insertFirstToken(trx, { session_id, hash: hashOf(token) });
  const entry = { action: "login.succeeded", user_id: account.id, details: { session_id } } as const;
  await recordAudit(trx, signedIn, entry, locked.audit_key ?? undefined);
  return { session_id, cookie: { token, seconds }, closed };
}
