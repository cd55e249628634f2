import type { Context } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { transact } from "#src/platform/database/transact.ts";
import { type Caller, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { hashOfSent } from "./refresh-token.ts";
import { type RevocationReason, revokeSessions, tellRevoked } from "./revoke-sessions.ts";
import { findSessions, hasLiveSession, type KnownSession } from "./session-repository.ts";

/** What a client that wants to leave has in hand: an access token, a refresh token, or both. */
export type Leaving = { access_token: string | undefined; refresh_token: string | undefined };

/**
 * Closes the session of whoever leaves. It works as often as it is asked for, with tokens whose session is closed
 * already: a client that lost the answer must be able to ask again. Two tokens of two sessions close both.
 * @returns false when neither token is one of ours
 */
export async function closeSession(context: Context, caller: Caller, leaving: Leaving): Promise<boolean> {
  const known = await readTokens(context, leaving);
  const { found, closed } = await transact(context, async (trx) => {
    const sessions = await findSessions(trx, known);
    return { found: sessions.length > 0, closed: await endSessions(trx, caller, sessions, "logout") };
  });
  await tellRevoked(context, closed);
  return found || known.session_id !== undefined;
}

/**
 * Closes every session of whoever asks. With the tokens of a closed session, or a refresh token that is spent or too old, it is
 * refused, unless nothing is left to close: whoever found a lost device or an old cookie could otherwise throw its owner
 * out everywhere.
 * @returns false when it is refused, or neither token is one of ours
 */
export async function closeAllSessions(context: Context, caller: Caller, leaving: Leaving): Promise<boolean> {
  const known = await readTokens(context, leaving);
  const { done, closed } = await transact(context, async (trx) => {
    const sessions = await findSessions(trx, known);
    const owners = new Set(sessions.filter(({ mine }) => mine).map(({ user_id }) => user_id));
    const ids: string[] = [];
    for (const user_id of owners) ids.push(...(await endAll(trx, caller, user_id)));
    if (owners.size > 0) return { done: true, closed: ids };
    const [dead] = sessions;
    if (dead !== undefined) return { done: !(await hasLiveSession(trx, dead.user_id)), closed: [] };
    return { done: known.session_id !== undefined, closed: [] };
  });
  await tellRevoked(context, closed);
  return done;
}

async function readTokens(context: Context, { access_token, refresh_token }: Leaving) {
  const claims = access_token === undefined ? undefined : await context.tokens.verify(access_token);
  return { session_id: claims?.session_id, hash: hashOfSent(refresh_token) };
}

async function endAll(trx: Trx, caller: Caller, user_id: number): Promise<string[]> {
  const ids = await revokeSessions(trx, { user_id, reason: "logout_all" });
  const details = { reason: "logout_all", sessions: ids.length };
  await recordAudit(trx, { ...caller, user_id }, { action: "session.closed", user_id, details });
  return ids;
}

/** Revokes those of these sessions that live, and writes each down. @returns the ids for `tellRevoked` */
export async function endSessions(
  trx: Trx,
  caller: Caller,
  sessions: KnownSession[],
  reason: RevocationReason,
): Promise<string[]> {
  const ended: string[] = [];
  for (const { id, user_id } of sessions) {
    const ids = await revokeSessions(trx, { user_id, reason, only: id });
    const actor = { ...caller, user_id: caller.user_id ?? user_id };
    const details = { reason, session_id: id };
    if (ids.length > 0) await recordAudit(trx, actor, { action: "session.closed", user_id, details });
    ended.push(...ids);
  }
  return ended;
}
