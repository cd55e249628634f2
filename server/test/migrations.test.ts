import pg from "pg";
import { expect, test } from "vitest";
import { listMigrations, migrate, migrationStatus } from "#src/platform/database/migrate.ts";
import { dumpCatalogue } from "./catalogue-dump.ts";
import { cloneDatabase } from "./database.ts";

const AT_ONCE = 20;

test("taking every migration back leaves nothing, and applying them again gives the same catalogue", async () => {
  await using database = await cloneDatabase();
  const all = await listMigrations();
  const before = await dumpCatalogue(database.url);
  expect(before.length).toBeGreaterThan(100);

  const taken = await migrate(database.url, { direction: "down-all" });
  expect(taken.applied).toEqual(all.toReversed());
  expect(await dumpCatalogue(database.url)).toEqual([
    "extension plpgsql",
    "schema information_schema",
    "schema public",
  ]);

  expect((await migrate(database.url)).applied).toEqual(all);
  expect(await dumpCatalogue(database.url)).toEqual(before);
});

test("each migration alone can be taken back and applied again", async () => {
  await using database = await cloneDatabase();
  const stages = [await dumpCatalogue(database.url)];
  for (const name of (await listMigrations()).toReversed()) {
    expect((await migrate(database.url, { direction: "down" })).applied).toEqual([name]);
    stages.push(await dumpCatalogue(database.url));
  }
  expect(new Set(stages.map((stage) => stage.join("\n"))).size).toBe(stages.length);
  expect((await migrate(database.url, { direction: "down" })).applied).toEqual([]);
  await migrate(database.url);
  expect(await dumpCatalogue(database.url)).toEqual(stages[0]);
});

test("F13: twenty migrators at once apply every migration once", async () => {
  await using database = await cloneDatabase();
  const all = await listMigrations();
  await migrate(database.url, { direction: "down-all" });
  const runs = await Promise.all(Array.from({ length: AT_ONCE }, () => migrate(database.url)));
  expect(runs.flatMap((run) => run.applied).toSorted()).toEqual(all);
  expect(await migrationStatus(database.url)).toEqual({ applied: all, pending: [], unknown: [] });
});

test("a migration that meets a lock lets others pass, says so, and is done when the lock is gone", async () => {
  await using database = await cloneDatabase();
  const newest = (await listMigrations()).at(-1);
  const holder = new pg.Client(database.url);
  await holder.connect();
  await holder.query("BEGIN");
  for (const table of await tablesOf(holder)) await holder.query(`LOCK TABLE ${table} IN ACCESS SHARE MODE`);

  const waited = Promise.withResolvers<string>();
  const migrating = migrate(database.url, { direction: "down", onProgress: (line) => waited.resolve(line) });
  expect(await waited.promise).toContain("trying again");
  await holder.query("COMMIT");
  await holder.end();
  expect((await migrating).applied).toEqual([newest]);
});

const CHANGES = [
  "ALTER TABLE users ALTER COLUMN role SET DEFAULT 'staff'",
  "ALTER TABLE users ALTER COLUMN full_name DROP NOT NULL",
  "ALTER TABLE users DROP CONSTRAINT users_role_known",
  "CREATE INDEX users_by_name ON users (full_name)",
  "CREATE VIEW names AS SELECT full_name FROM users",
  "CREATE SEQUENCE numbers",
  "ALTER TABLE users SET (fillfactor = 50)",
  "CREATE TYPE mood AS ENUM ('good')",
  "CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'",
];

test.for(CHANGES)("the comparison of catalogues sees: %s", async (change) => {
  await using database = await cloneDatabase();
  const before = await dumpCatalogue(database.url);
  const client = new pg.Client(database.url);
  await client.connect();
  await client.query(change);
  await client.end();
  expect(await dumpCatalogue(database.url)).not.toEqual(before);
});

async function tablesOf(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname !~ '^kysely'",
  );
  return rows.map((row) => row.name);
}
