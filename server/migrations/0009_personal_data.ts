import { type Kysely, sql } from "kysely";

export const transaction = false;

export async function up(db: Kysely<unknown>): Promise<void> {
  // Few movements are somebody's: those that orders cause have no user, and cost this index nothing.
  await sql`DROP INDEX CONCURRENTLY IF EXISTS stock_movements_user_id`.execute(db);
  await sql`
    CREATE INDEX CONCURRENTLY stock_movements_user_id ON stock_movements (user_id, id) WHERE user_id IS NOT NULL
  `.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP INDEX CONCURRENTLY IF EXISTS stock_movements_user_id`.execute(db);
}
