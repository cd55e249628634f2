import type { Context } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { transact } from "#src/platform/database/transact.ts";
import { type Caller, recordAudit } from "#src/modules/identity/audit/audit.ts";
import type { RefreshCookie } from "./refresh-cookie.ts";
import { hashOf } from "#src/platform/security/one-time-token.ts";
import { hashOfSent, judge, successorOf } from "./refresh-token.ts";
import { revokeSessions, tellRevoked } from "./revoke-sessions.ts";
import type { AccessToken } from "#src/modules/identity/schemas.ts";
import { findRefreshToken, lockSessionOf, rotateToken } from "./session-repository.ts";

type Refreshed = { user_id: number; session_id: string; cookie: RefreshCookie };
/** A value and nothing that is thrown: what was revoked because of it has to be committed. */
type Refusal = { refused: "dead" | "unreadable"; revoked: string[] };

const DEAD: Refusal = { refused: "dead", revoked: [] };

/**
 * Spends a refresh token for its one successor and a new access token. One that was spent already gets the same successor
 * within the grace while that is unused; after that somebody has stolen it, and its session is revoked.
 * @param sent what the cookie held
 * @returns `dead` when this token will never be good again, `unreadable` when its successor is in other hands and can't
 *   be told again, because TOKEN_SECRET was changed
 */
export async function refreshSession(
  context: Context,
  caller: Caller,
  sent: string,
): Promise<{ token: AccessToken; cookie: RefreshCookie } | Refusal["refused"]> {
  const hash = hashOfSent(sent);
  if (hash === undefined) return "dead";
  const result = await transact(context, (trx) => spend(trx, context, caller, { token: sent, hash }));
  if ("refused" in result) {
    await tellRevoked(context, result.revoked);
    return result.refused;
  }
  const { user_id, session_id, cookie } = result;
  return { token: { ...(await context.tokens.issue({ user_id, session_id })), token_type: "bearer" }, cookie };
}

async function spend(
  trx: Trx,
  context: Context,
  caller: Caller,
  sent: { token: string; hash: Buffer },
): Promise<Refreshed | Refusal> {
  // One at a time per session; what is read after it is what the one before has left.
  if (!(await lockSessionOf(trx, sent.hash))) return DEAD;
  const found = await findRefreshToken(trx, sent.hash, context.config.refreshGraceSeconds);
  if (found === undefined) return DEAD;
  const { user_id, session_id } = found;
  const token = successorOf(context.tokenSecret, sent.token);
  const successor = hashOf(token);
  const verdict = judge(found);
  if (verdict === "refused") return DEAD;
  if (verdict === "reused") {
    const revoked = await revokeSessions(trx, { user_id, reason: "refresh_reuse", only: session_id });
    await recordAudit(trx, caller, { action: "session.refresh_reused", user_id, details: { session_id } });
    return { refused: "dead", revoked };
  }
  if (verdict === "rotate") {
    const seconds = await rotateToken(trx, { session_id, spent: sent.hash, successor, caller });
    return { user_id, session_id, cookie: { token, seconds } };
  }
  if (found.successor_hash?.equals(successor) !== true) return { refused: "unreadable", revoked: [] };
  return { user_id, session_id, cookie: { token, seconds: found.successor_seconds } };
}
