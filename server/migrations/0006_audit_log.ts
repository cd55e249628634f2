import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE audit_log (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      action text NOT NULL CONSTRAINT audit_log_action_is_a_word CHECK (action ~ '^[a-z_]+[.][a-z_]+$'),
      user_id bigint,
      actor_id bigint,
      address_hmac bytea,
      correlation_id text NOT NULL
        CONSTRAINT audit_log_correlation_id_is_a_word CHECK (correlation_id ~ '^[A-Za-z0-9._-]{1,64}$'),
      details jsonb NOT NULL DEFAULT '{}',
      occurred_at timestamptz NOT NULL DEFAULT now()
    );
    CREATE INDEX audit_log_user_id ON audit_log (user_id, id);
    CREATE INDEX audit_log_actor_id ON audit_log (actor_id, id);
    CREATE INDEX audit_log_action ON audit_log (action, id);
    CREATE INDEX audit_log_correlation_id ON audit_log (correlation_id, id);
    CREATE INDEX audit_log_occurred_at ON audit_log (occurred_at, id);

    -- Whatever role the application has: what was written stays as it was written.
    CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      RAISE EXCEPTION 'the table % is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END $$;
    CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
      FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
  `.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
    DROP TABLE audit_log;
    DROP FUNCTION refuse_change();
  `.execute(db);
}
