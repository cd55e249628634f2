import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE schedules (
      name text PRIMARY KEY,
      cron text NOT NULL,
      timezone text NOT NULL,
      -- The moment that is to be run next. It only moves when its run has succeeded, and only forward: no moment twice.
      due_at timestamptz NOT NULL,
      -- Until then nobody else begins: somebody runs it, or rests after a failure.
      held_until timestamptz,
      -- Counts every beginning; who holds an older number has lost the run.
      runs bigint NOT NULL DEFAULT 0,
      -- In a row.
      failures int NOT NULL DEFAULT 0,
      last_moment timestamptz,
      last_started_at timestamptz,
      last_ended_at timestamptz,
      last_succeeded_at timestamptz,
      last_outcome text CONSTRAINT schedules_outcome_known CHECK (last_outcome IN ('running', 'succeeded', 'failed')),
      last_error text
    );
  `.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`DROP TABLE schedules`.execute(db);
}
