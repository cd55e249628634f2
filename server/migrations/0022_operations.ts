import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    -- What is discarded stays a dead delivery that nobody has to look after; the sweep takes it like a handled one.
    ALTER TABLE deliveries ADD COLUMN discarded_at timestamptz;

    CREATE TABLE paused_consumers (
      consumer text PRIMARY KEY,
      paused_at timestamptz NOT NULL DEFAULT now()
    );

    -- The id names the message and the consumer: it stays what it is, however often the delivery is replayed.
    CREATE VIEW dead_letters AS
      SELECT d.message_id || '.' || d.consumer AS id, d.message_id, d.consumer, o.topic, o.payload, o.correlation_id,
             d.attempts, (
               SELECT f.error FROM delivery_failures f WHERE f.message_id = d.message_id AND f.consumer = d.consumer
               ORDER BY f.id DESC LIMIT 1
             ) AS error, o.occurred_at, d.dead_at
      FROM deliveries d JOIN outbox o ON o.id = d.message_id
      WHERE d.dead_at IS NOT NULL AND d.discarded_at IS NULL;
  `.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
    DROP VIEW dead_letters;
    DROP TABLE paused_consumers;
    ALTER TABLE deliveries DROP COLUMN discarded_at;
  `.execute(db);
}
