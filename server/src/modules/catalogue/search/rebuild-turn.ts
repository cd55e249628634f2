import type { Db } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";

// Held by a session and not by a transaction: a build goes through many of them. A builder that dies loses it at once.
const TAKE = "SELECT pg_try_advisory_lock(hashtextextended('shopfloor search build', 0)) AS mine";
const GIVE = "SELECT pg_advisory_unlock(hashtextextended('shopfloor search build', 0))";

/** Lets one builder work at a time, in all processes. @returns what the work returns, or "busy" when somebody else builds */
export async function inBuildersTurn<T>(db: Db, work: () => Promise<T>): Promise<T | "busy"> {
  return await db.connection().execute(async (session) => {
    const [taken] = await named<{ mine: boolean }>(session, "search_build_take", TAKE, []);
    if (taken?.mine !== true) return "busy";
    try {
      return await work();
    } finally {
      await named(session, "search_build_give", GIVE, []);
    }
  });
}
