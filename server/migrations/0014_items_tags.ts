import { type Kysely, sql } from "kysely";

// An index that is built while others write can't be built in a transaction.
export const transaction = false;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`DROP INDEX CONCURRENTLY IF EXISTS items_tags`.execute(db);
  await sql`CREATE INDEX CONCURRENTLY items_tags ON items USING gin (tags)`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP INDEX CONCURRENTLY IF EXISTS items_tags`.execute(db);
}
