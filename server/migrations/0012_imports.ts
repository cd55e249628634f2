import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE product_imports (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      user_id bigint NOT NULL,
      status text NOT NULL CONSTRAINT product_imports_status_known CHECK (status IN ('queued', 'running', 'done', 'failed')),
      total integer NOT NULL,
      done integer NOT NULL DEFAULT 0,
      created integer NOT NULL DEFAULT 0,
      updated integer NOT NULL DEFAULT 0,
      unchanged integer NOT NULL DEFAULT 0,
      refused integer NOT NULL DEFAULT 0,
      detail text,
      correlation_id text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT now(),
      finished_at timestamptz
    );

    -- One row per line of the file: what it asks for, and what became of it.
    CREATE TABLE product_import_lines (
      id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      import_id bigint NOT NULL REFERENCES product_imports ON DELETE CASCADE,
      line integer NOT NULL,
      sku text NOT NULL,
      product jsonb NOT NULL,
      outcome text NOT NULL CONSTRAINT product_import_lines_outcome_known
        CHECK (outcome IN ('waiting', 'created', 'updated', 'unchanged', 'refused')),
      message text,
      item_id bigint,
      CONSTRAINT product_import_lines_once UNIQUE (import_id, line)
    );
  `.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE product_import_lines, product_imports`.execute(db);
}
