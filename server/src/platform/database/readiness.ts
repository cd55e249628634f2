import type { Log } from "#src/platform/telemetry/log.ts";
import { listMigrations } from "./migrate.ts";
import { createPool } from "./pool.ts";

export type Readiness = {
  /** rejects while the database does not answer or lacks a migration that this code knows */
  check(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Tells whether the database can be worked with. It asks on a connection of its own: in the queue for the others, a
 * probe would take a busy process for a dead one, and its share would fall on the next one.
 * A schema that is newer than this code is fine: old code runs on it while new code is rolled out.
 */
export function createReadiness(options: { url: string; name: string; log: Log }): Readiness {
  const pool = createPool({ ...options, max: 1, work: "api", name: `${options.name} readiness` });
  let migrated = false;
  return {
    async check() {
      if (migrated) {
        await pool.query("SELECT FROM subscriptions LIMIT 1");
        return;
      }
      const { rows } = await pool.query<{ name: string }>("SELECT name FROM kysely_migration");
      const applied = new Set(rows.map((row) => row.name));
      const pending = (await listMigrations()).filter((name) => !applied.has(name));
      if (pending.length > 0) throw new Error(`migrations are pending: ${pending.join(", ")}`);
      migrated = true;
    },
    close: () => pool.end(),
  };
}
