import { LRUCache } from "lru-cache";
import type { Db } from "#src/platform/database/database.ts";
import { coalesce } from "#src/platform/database/coalesce.ts";
import type { User } from "#src/platform/http/app.ts";
import type { Tokens } from "#src/platform/security/tokens.ts";
import { findLiveSessions, type LiveSession } from "./session-repository.ts";

/** The longest that a revoked session or a changed role may still count as before. */
const SESSION_CACHE_MS = 1_000;
const CACHED_SESSIONS = 20_000;
const READS = { maxBatch: 200, maxWaiting: 10_000, maxRunning: 2 };

/**
 * Tells who sends a token. The token says which session; the row in the database says whether it lives and what its
 * owner may do. Without the database nobody gets in: the failure is passed on, it is never taken for a yes.
 */
export function createAuthenticator(context: { db: Db; tokens: Tokens }): (token: string) => Promise<User | undefined> {
  const cache = new LRUCache<string, Promise<LiveSession | undefined>>({ max: CACHED_SESSIONS, ttl: SESSION_CACHE_MS });
  const read = coalesce<string, LiveSession | undefined>(READS, async (ids) => {
    const live = new Map((await findLiveSessions(context.db, [...new Set(ids)])).map((row) => [row.id, row]));
    return ids.map((id) => ({ value: live.get(id) }));
  });

  function findSession(id: string): Promise<LiveSession | undefined> {
    const known = cache.get(id);
    if (known !== undefined) return known;
    const session = read(id);
    cache.set(id, session);
    session.catch(() => cache.delete(id));
    return session;
  }

  return async (token) => {
    const claims = await context.tokens.verify(token);
    const session = claims && (await findSession(claims.session_id));
    if (session === undefined || session.user_id !== claims?.user_id) return undefined;
    return { id: session.user_id, role: session.role, session_id: session.id };
  };
}
