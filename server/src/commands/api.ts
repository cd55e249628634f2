import { startApi } from "#src/app.ts";
import { readConfig } from "#src/config.ts";
import { runService } from "#src/platform/supervisor/service.ts";
import { withDatabaseUrl } from "./database.ts";
import { ROOT } from "./environment.ts";
import { obeyFaults } from "./faults.ts";
import { explainListening } from "./ports.ts";

/** The HTTP API as one process; with `supervised`, `up` says when to begin and where the database is. */
export async function api(supervised: boolean): Promise<void> {
  await runService(supervised, async (settings) => {
    const config = await withDatabaseUrl(readConfig({ ...process.env, ...settings }, ROOT));
    const wanted = { host: config.host, port: config.port, variable: "PORT", wayOut: "PORT=8080" };
    obeyFaults(config);
    return await explainListening(wanted, () => startApi(config));
  });
}
