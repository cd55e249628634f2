import { migrateDatabase } from "#src/app.ts";
import { migrationStatus } from "#src/platform/database/migrate.ts";
import { withDatabase } from "./database.ts";
import { loadConfig } from "./environment.ts";

/** Migrates up, takes the newest migration back, or prints which are applied and pending. */
export async function migrate(direction: "up" | "down" | "status"): Promise<void> {
  await withDatabase(loadConfig(), async (url) => {
    if (direction === "status") return await printStatus(url);
    const { applied } = await migrateDatabase(url, { direction, onProgress: (line) => console.log(line) });
    const nothing = direction === "up" ? "the schema is up to date" : "there is no migration to take back";
    if (applied.length === 0) console.log(nothing);
  });
}

async function printStatus(url: string): Promise<void> {
  const { applied, pending, unknown } = await migrationStatus(url);
  for (const name of applied) console.log(`applied  ${name}`);
  for (const name of unknown) console.log(`newer    ${name}`);
  for (const name of pending) console.log(`pending  ${name}`);
}
