import { type Kysely, sql } from "kysely";

/** Looked into every second by every worker; without it each look would read all orders. */
export const transaction = false;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`DROP INDEX CONCURRENTLY IF EXISTS orders_expiring`.execute(db);
  await sql`CREATE INDEX CONCURRENTLY orders_expiring ON orders (expires_at, id) WHERE status = 'reserved'`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP INDEX CONCURRENTLY IF EXISTS orders_expiring`.execute(db);
}
