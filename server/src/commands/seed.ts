import { seedDemo } from "../../seeds/demo.ts";
import { migrationStatus } from "#src/platform/database/migrate.ts";
import { mistake } from "#src/platform/mistake.ts";
import { withDatabase } from "./database.ts";
import { loadConfig } from "./environment.ts";
import { createTerminal } from "./terminal.ts";

/** Fills an empty database with demo data; refused in production, where its accounts would be open doors. */
export async function seed(): Promise<void> {
  const config = loadConfig();
  if (config.production) throw mistake("demo data has published passwords and is refused in production");
  const terminal = createTerminal();
  await withDatabase(config, async (url) => {
    const { pending } = await migrationStatus(url);
    if (pending.length > 0) throw mistake("the schema is not up to date: run 'shopfloor migrate' first");
    const { seeded } = await seedDemo(url, (done, total) => terminal.progress(`demo data: ${done} of ${total} rows`));
    terminal.line(seeded ? "demo data is in" : "the database has accounts already: nothing was changed");
  });
}
