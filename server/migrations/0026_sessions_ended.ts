import { type Kysely, sql } from "kysely";

/** What the sweep of ended sessions looks for; without it every worker would read all sessions each time. */
export const transaction = false;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`DROP INDEX CONCURRENTLY IF EXISTS sessions_ended`.execute(db);
  await sql`CREATE INDEX CONCURRENTLY sessions_ended ON sessions (least(revoked_at, expires_at))`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP INDEX CONCURRENTLY IF EXISTS sessions_ended`.execute(db);
}
