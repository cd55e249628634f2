import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE outbox (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      topic text NOT NULL,
      payload jsonb NOT NULL,
      correlation_id text NOT NULL,
      traceparent text NOT NULL,
      user_id bigint,
      cause bigint,
      occurred_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX outbox_correlation_id ON outbox (correlation_id);
    CREATE INDEX outbox_occurred_at ON outbox USING brin (occurred_at);

    CREATE TABLE subscriptions (
      topic text NOT NULL,
      consumer text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (topic, consumer)
    );

    -- due_at says when a delivery may be claimed: at once, after a backoff, or when the lease of its claim runs out.
    CREATE TABLE deliveries (
      message_id bigint NOT NULL,
      consumer text NOT NULL,
      attempts integer NOT NULL DEFAULT 0 CONSTRAINT deliveries_attempts_counted CHECK (attempts >= 0),
      due_at timestamptz NOT NULL DEFAULT now(),
      handled_at timestamptz,
      dead_at timestamptz,
      PRIMARY KEY (message_id, consumer),
      CONSTRAINT deliveries_end_once CHECK (handled_at IS NULL OR dead_at IS NULL)
    ) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
    CREATE INDEX deliveries_fresh ON deliveries (consumer, due_at, message_id)
      WHERE handled_at IS NULL AND dead_at IS NULL AND attempts = 0;
    CREATE INDEX deliveries_retried ON deliveries (consumer, due_at, message_id)
      WHERE handled_at IS NULL AND dead_at IS NULL AND attempts > 0;
    CREATE INDEX deliveries_dead ON deliveries (dead_at) WHERE dead_at IS NOT NULL;
    -- Partial, so that nobody looks for open deliveries with it: to a BRIN index those are everywhere.
    CREATE INDEX deliveries_handled_at ON deliveries USING brin (handled_at) WHERE handled_at IS NOT NULL;

    CREATE TABLE delivery_failures (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      message_id bigint NOT NULL,
      consumer text NOT NULL,
      attempt integer NOT NULL,
      error text NOT NULL,
      failed_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX delivery_failures_message ON delivery_failures (message_id, consumer);

    CREATE TABLE idempotency_keys (
      user_id bigint NOT NULL,
      route text NOT NULL,
      key text NOT NULL,
      fingerprint text NOT NULL,
      status integer NOT NULL,
      location text,
      body jsonb NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      PRIMARY KEY (user_id, route, key)
    );
    CREATE INDEX idempotency_keys_created_at ON idempotency_keys USING brin (created_at);
  `.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE idempotency_keys, delivery_failures, deliveries, subscriptions, outbox`.execute(db);
}
