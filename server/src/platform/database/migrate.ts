import { readdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { Kysely, PostgresDialect } from "kysely";
import { type Migration, Migrator, NO_MIGRATIONS } from "kysely/migration";
import pg from "pg";

// A migration that waits for a lock makes everybody behind it wait too; so it gives up soon and tries again.
const LOCK_TIMEOUT_MS = 500;
const LOCK_RETRIES = 60;
const RETRY_PAUSE_MS = 500;
const CONNECT_TIMEOUT_MS = 5_000;
const FOLDER = path.resolve(import.meta.dirname, "../../../migrations");

export type MigrateOptions = {
  /** `up` applies all that is pending; `down` takes back the newest one, `down-all` every one */
  direction?: "up" | "down" | "down-all";
  onProgress?: (line: string) => void;
};

/**
 * Migrates the database; five of these at once apply everything once (the migrator takes an advisory lock).
 * @returns the names that were applied or taken back, in order
 * @throws the database's error; nothing of a failed run remains, it is one transaction
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const progress = options.onProgress ?? (() => undefined);
  return await withMigrator(databaseUrl, async (migrator) => {
    for (let attempt = 1; ; attempt += 1) {
      const { error, results = [] } = await runMigrator(migrator, options.direction ?? "up");
      const applied = results.filter((result) => result.status === "Success").map((result) => result.migrationName);
      if (error === undefined) {
        for (const name of applied) progress(name);
        return { applied };
      }
      if (!isLockTimeout(error) || attempt >= LOCK_RETRIES) throw asError(error);
      progress(`a table is in use, trying again (${attempt} of ${LOCK_RETRIES})`);
      await setTimeout(RETRY_PAUSE_MS);
    }
  });
}

/** Which migrations a database has and lacks. A database that was never migrated has none. */
export async function migrationStatus(databaseUrl: string): Promise<{ applied: string[]; pending: string[] }> {
  return await withMigrator(databaseUrl, async (migrator) => {
    const all = await migrator.getMigrations();
    return {
      applied: all.filter((one) => one.executedAt !== undefined).map((one) => one.name),
      pending: all.filter((one) => one.executedAt === undefined).map((one) => one.name),
    };
  });
}

/** The names of all migrations in the repository, in order. */
export async function listMigrations(): Promise<string[]> {
  const files = await readdir(FOLDER);
  return files
    .filter((file) => /^\d{4}_\w+\.ts$/.test(file))
    .map((file) => file.slice(0, -3))
    .toSorted();
}

async function runMigrator(migrator: Migrator, direction: NonNullable<MigrateOptions["direction"]>) {
  if (direction === "up") return await migrator.migrateToLatest();
  if (direction === "down") return await migrator.migrateDown();
  return await migrator.migrateTo(NO_MIGRATIONS);
}

async function readMigrations(): Promise<Record<string, Migration>> {
  const names = await listMigrations();
  const load = async (name: string) =>
    [name, (await import(pathToFileURL(path.join(FOLDER, `${name}.ts`)).href)) as Migration] as const;
  return Object.fromEntries(await Promise.all(names.map(load)));
}

async function withMigrator<T>(databaseUrl: string, work: (migrator: Migrator) => Promise<T>): Promise<T> {
  const pool = new pg.Pool({
    connectionString: databaseUrl,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "shopfloor migrate",
    options: `-c TimeZone=UTC -c lock_timeout=${LOCK_TIMEOUT_MS}`,
    max: 2,
  });
  pool.on("error", () => undefined);
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  try {
    return await work(new Migrator({ db, provider: { getMigrations: readMigrations } }));
  } finally {
    await db.destroy();
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error("the migration failed", { cause: thrown });
}

function isLockTimeout(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === "55P03" || error.code === "40P01");
}
