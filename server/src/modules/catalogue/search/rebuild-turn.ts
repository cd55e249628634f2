import { sql } from "kysely";
import type { Db } from "#src/platform/database/database.ts";

// Held by a session and not by a transaction: a build goes through many of them. A builder that dies loses it at once.
const LOCK = sql`hashtextextended('shopfloor search build', 0)`;

/** Lets one builder work at a time, in all processes. @returns what the work returns, or "busy" when somebody else builds */
export async function inBuildersTurn<T>(db: Db, work: () => Promise<T>): Promise<T | "busy"> {
  return await db.connection().execute(async (session) => {
    const { rows } = await sql<{ mine: boolean }>`SELECT pg_try_advisory_lock(${LOCK}) AS mine`.execute(session);
    if (rows[0]?.mine !== true) return "busy";
    try {
      return await work();
    } finally {
      await sql`SELECT pg_advisory_unlock(${LOCK})`.execute(session);
    }
  });
}
