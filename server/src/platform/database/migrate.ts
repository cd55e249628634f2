import { readdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Kysely, PostgresDialect, sql } from "kysely";
import { type Migration as Steps, Migrator, NO_MIGRATIONS } from "kysely/migration";
import pg from "pg";
import { mistake } from "../mistake.ts";

// A migration that waits for a lock makes everybody behind it wait too; so it gives up soon and tries again.
const LOCK_TIMEOUT_MS = 500;
const LOCK_RETRIES = 60;
const RETRY_PAUSE_MS = 500;
const CONNECT_TIMEOUT_MS = 5_000;
/** What another migrator may take before we give up: a large index takes its time. */
const TURN_TIMEOUT_MS = 30 * 60_000;
const TURN_PAUSE_MS = 100;
const FOLDER = path.resolve(import.meta.dirname, "../../../migrations");

export type MigrateOptions = {
  /** `up` applies all that is pending; `down` takes back the newest one, `down-all` every one */
  direction?: "up" | "down" | "down-all";
  onProgress?: (line: string) => void;
};

/** `transaction: false` for what PostgreSQL refuses inside of one, as CREATE INDEX CONCURRENTLY: one statement then. */
type Migration = Steps & { transaction?: boolean };

/** `unknown`: applied by newer code than this */
export type MigrationStatus = { applied: string[]; pending: string[]; unknown: string[] };

/**
 * Migrates the database; of many of these at once one works and the others wait for it. Each migration is a transaction
 * of its own: what a killed run has not finished, the next one begins again.
 * A schema that newer code has made is left as it is, so that the code before it can be rolled back to.
 * @returns the names that were applied or taken back, in order
 * @throws the database's error; nothing of the failed migration remains
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const { direction = "up", onProgress: progress = () => undefined } = options;
  await using undo = new AsyncDisposableStack();
  undo.use(await takeTurn(databaseUrl));
  const migrations = await readMigrations();
  const { db, migrator } = undo.use(openMigrator(databaseUrl, migrations));
  const { applied, pending, unknown } = await statusOf(db, Object.keys(migrations));
  if (unknown.length > 0) {
    const newer = `the schema is newer than this code (${unknown.join(", ")})`;
    if (direction !== "up") throw mistake(`${newer}: take back with the code that brought it`);
    if (pending.length > 0) throw mistake(`${newer} and lacks ${pending.join(", ")}: run the newer code's migrate`);
    progress(`${newer}; it is left as it is`);
    return { applied: [] };
  }
  const steps = { up: pending, down: applied.slice(-1), "down-all": applied.toReversed() }[direction];
  for (const name of steps) {
    const target = direction === "up" ? name : (applied[applied.indexOf(name) - 1] ?? NO_MIGRATIONS);
    const disableTransactions = migrations[name]?.transaction === false;
    await patiently(() => migrator.migrateTo(target, { disableTransactions }), progress);
    progress(name);
  }
  return { applied: steps };
}

/** Which migrations a database has and lacks. A database that was never migrated has none. */
export async function migrationStatus(databaseUrl: string): Promise<MigrationStatus> {
  await using opened = openMigrator(databaseUrl, {});
  return await statusOf(opened.db, await listMigrations());
}

/** The names of all migrations in the repository, in order. */
export async function listMigrations(): Promise<string[]> {
  const files = await readdir(FOLDER);
  return files
    .filter((file) => /^\d{4}_\w+\.ts$/.test(file))
    .map((file) => file.slice(0, -3))
    .toSorted();
}

async function statusOf(db: Kysely<unknown>, known: string[]): Promise<MigrationStatus> {
  const ledger = await sql<{ exists: boolean }>`SELECT to_regclass('kysely_migration') IS NOT NULL AS exists`.execute(
    db,
  );
  const isNew = ledger.rows[0]?.exists !== true;
  const rows = isNew ? [] : (await sql<{ name: string }>`SELECT name FROM kysely_migration`.execute(db)).rows;
  const executed = new Set(rows.map((row) => row.name));
  return {
    applied: known.filter((name) => executed.has(name)),
    pending: known.filter((name) => !executed.has(name)),
    unknown: [...executed].filter((name) => !known.includes(name)).toSorted(),
  };
}

async function patiently(
  step: () => ReturnType<Migrator["migrateTo"]>,
  progress: (line: string) => void,
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const { error } = await step();
    if (error === undefined) return;
    if (!isLockTimeout(error) || attempt >= LOCK_RETRIES) throw asError(error);
    progress(`a table is in use, trying again (${attempt} of ${LOCK_RETRIES})`);
    await setTimeout(RETRY_PAUSE_MS);
  }
}

/**
 * Makes migrators queue by a lock of a session, which goes with it however it ends. It is asked for again and again
 * instead of waited for: a waiting statement holds a snapshot, and CREATE INDEX CONCURRENTLY waits for all of those.
 */
async function takeTurn(databaseUrl: string): Promise<AsyncDisposable> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "shopfloor migrate",
  });
  client.on("error", () => undefined);
  await client.connect();
  const deadline = Date.now() + TURN_TIMEOUT_MS;
  const ask = "SELECT pg_try_advisory_lock(hashtextextended('shopfloor migrate', 0)) AS ours";
  while ((await client.query<{ ours: boolean }>(ask)).rows[0]?.ours !== true) {
    if (Date.now() > deadline) throw new Error("another migration has not ended in time");
    await setTimeout(TURN_PAUSE_MS);
  }
  return { [Symbol.asyncDispose]: () => client.end().catch(() => undefined) };
}

async function readMigrations(): Promise<Record<string, Migration>> {
  const names = await listMigrations();
  const load = async (name: string) =>
    [name, (await import(pathToFileURL(path.join(FOLDER, `${name}.ts`)).href)) as Migration] as const;
  return Object.fromEntries(await Promise.all(names.map(load)));
}

function openMigrator(databaseUrl: string, migrations: Record<string, Migration>) {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "shopfloor migrate",
    options: `-c TimeZone=UTC -c lock_timeout=${LOCK_TIMEOUT_MS}`,
    max: 2,
  });
  pool.on("error", () => undefined);
  // Without this, a backend that dies under a checked-out client ends Node.
  pool.on("connect", (client) => client.on("error", () => undefined));
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  return { db, migrator, [Symbol.asyncDispose]: () => db.destroy() };
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error("the migration failed", { cause: thrown });
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === "55P03" || error.code === "40P01");
}
