import type pg from "pg";

const NAME = "9999_next_release";

/**
 * What the release after this one may do to the schema while this code still runs, or when this code is rolled back to
 * (RELIABILITY F12): a new table, and a new column in every table, not null and with a default, standing behind the
 * known ones. Code that reads `*`, or inserts by position, does not survive it.
 */
export async function applyNextSchema(client: pg.Client): Promise<void> {
  await client.query("BEGIN");
  await client.query(
    "CREATE TABLE next_things (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL)",
  );
  await client.query("INSERT INTO kysely_migration (name, timestamp) VALUES ($1, now()::text)", [NAME]);
  const { rows } = await client.query<{ name: string }>(
    `SELECT quote_ident(relname) AS name FROM pg_class
     WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
       AND relname NOT LIKE 'kysely%'`,
  );
  for (const { name } of rows)
    await client.query(`ALTER TABLE ${name} ADD COLUMN next_column text NOT NULL DEFAULT 'of the next release'`);
  await client.query("COMMIT");
}
