import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    -- audit_key: what addresses in the audit log are hashed with; a deleted account has none, so they mean nothing more.
    ALTER TABLE users ADD COLUMN email_verified_at timestamptz, ADD COLUMN deleted_at timestamptz,
      ADD COLUMN audit_key bytea;
    -- 32 bytes, 244 bits of them random, from a function that every PostgreSQL has.
    ALTER TABLE users ALTER COLUMN audit_key
      SET DEFAULT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex');

    ALTER TABLE sessions ADD COLUMN address text, ADD COLUMN last_used_at timestamptz NOT NULL DEFAULT now(),
      ADD COLUMN revoked_reason text;

    -- Hashes only: whoever reads this table can't use what is in it. A token has at most one successor.
    CREATE TABLE refresh_tokens (
      hash bytea PRIMARY KEY CONSTRAINT refresh_tokens_sha256 CHECK (length(hash) = 32),
      session_id uuid NOT NULL REFERENCES sessions ON DELETE CASCADE,
      parent_hash bytea CONSTRAINT refresh_tokens_one_successor UNIQUE,
      issued_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL,
      spent_at timestamptz
    );
    CREATE INDEX refresh_tokens_session_id ON refresh_tokens (session_id, expires_at);
    CREATE INDEX refresh_tokens_expires_at ON refresh_tokens (expires_at) WHERE spent_at IS NOT NULL;

    CREATE TABLE one_time_tokens (
      hash bytea PRIMARY KEY CONSTRAINT one_time_tokens_sha256 CHECK (length(hash) = 32),
      user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
      purpose text NOT NULL CONSTRAINT one_time_tokens_purpose_known CHECK (purpose IN ('password_reset', 'verify_email')),
      created_at timestamptz NOT NULL DEFAULT now(),
      expires_at timestamptz NOT NULL,
      CONSTRAINT one_time_tokens_one_each UNIQUE (user_id, purpose)
    );
  `.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
    DROP TABLE one_time_tokens, refresh_tokens;
    ALTER TABLE sessions DROP COLUMN address, DROP COLUMN last_used_at, DROP COLUMN revoked_reason;
    ALTER TABLE users DROP COLUMN email_verified_at, DROP COLUMN deleted_at, DROP COLUMN audit_key;
  `.execute(db);
}
