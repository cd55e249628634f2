import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    -- When a delivery was handed to a broker, and how often since it was claimed last. On PostgreSQL it never is.
    ALTER TABLE deliveries ADD COLUMN relayed_at timestamptz, ADD COLUMN relays integer NOT NULL DEFAULT 0;
  `.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE deliveries DROP COLUMN relayed_at, DROP COLUMN relays`.execute(db);
}
