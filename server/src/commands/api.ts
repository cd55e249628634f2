import { startApi } from "#src/app.ts";
import { readConfig } from "#src/config.ts";
import { runService } from "#src/platform/supervisor/service.ts";
import { withDatabaseUrl } from "./database.ts";
import { ROOT } from "./environment.ts";

/** The HTTP API as one process. */
export async function api(): Promise<void> {
  const config = readConfig(process.env, ROOT);
  await runService(async () => startApi(await withDatabaseUrl(config)));
}
