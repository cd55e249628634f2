import { LRUCache } from "lru-cache";
import type { Context } from "#src/platform/context.ts";
import { coalesce } from "#src/platform/database/coalesce.ts";
import { isUnavailable } from "#src/platform/database/errors.ts";
import type { User } from "#src/platform/http/app.ts";
import { findLiveSessions, type LiveSession } from "./session-repository.ts";

/** The longest that a revoked session or a changed role may still count as before; a second with the way to the client. */
const SESSION_CACHE_MS = 900;
const CACHED_SESSIONS = 20_000;
const READS = { maxBatch: 200, maxWaiting: 10_000, maxRunning: 2 };

/**
 * Tells who sends a token. The token says which session; the row in the database says whether it lives and what its
 * owner may do. It is believed for a second from when it was asked for, and not from when it came: a slow answer tells of
 * the time before. When the database does not answer, Redis may still know that a session was revoked; what it does not
 * know means nothing. Then nobody gets in: the failure is passed on, it is never taken for a yes.
 */
export function createAuthenticator(
  context: Pick<Context, "db" | "tokens" | "revocations">,
): (token: string) => Promise<User | undefined> {
  const { db, tokens, revocations } = context;
  const cache = new LRUCache<string, Promise<LiveSession | undefined>>({ max: CACHED_SESSIONS, ttl: SESSION_CACHE_MS });
  const read = coalesce<string, LiveSession | undefined>(READS, async (ids) => {
    const live = new Map((await findLiveSessions(db, [...new Set(ids)])).map((row) => [row.id, row]));
    return ids.map((id) => ({ value: live.get(id) }));
  });
  // Whoever is waiting for the old answer asked before; whoever asks from now on makes a new one.
  revocations.listen((ids) => ids.forEach((id) => cache.delete(id)));

  function findSession(id: string): Promise<LiveSession | undefined> {
    const known = cache.get(id);
    if (known !== undefined) return known;
    const session = read(id).catch(async (error: unknown) => {
      if (cache.peek(id) === session) cache.delete(id);
      if (isUnavailable(error) && (await revocations.isRemembered(id))) return undefined;
      throw error;
    });
    cache.set(id, session);
    return session;
  }

  return async (token) => {
    const claims = await tokens.verify(token);
    const session = claims && (await findSession(claims.session_id));
    if (session === undefined || session.user_id !== claims?.user_id) return undefined;
    return { id: session.user_id, role: session.role, session_id: session.id };
  };
}
