import { startWorker } from "#src/app.ts";
import { readConfig } from "#src/config.ts";
import { runService } from "#src/platform/supervisor/service.ts";
import { withDatabaseUrl } from "./database.ts";
import { ROOT } from "./environment.ts";

/** The worker as one process. */
export async function worker(): Promise<void> {
  const config = readConfig(process.env, ROOT);
  await runService(async () => startWorker(await withDatabaseUrl(config)));
}
