import { startWorker } from "#src/app.ts";
import { readConfig } from "#src/config.ts";
import { runService } from "#src/platform/supervisor/service.ts";
import { withDatabaseUrl } from "./database.ts";
import { ROOT } from "./environment.ts";
import { obeyFaults } from "./faults.ts";
import { explainListening } from "./ports.ts";

/** The worker as one process; with `supervised`, `up` says when to begin and where the database is. */
export async function worker(supervised: boolean): Promise<void> {
  await runService(supervised, async (settings) => {
    const config = await withDatabaseUrl(readConfig({ ...process.env, ...settings }, ROOT));
    const port = config.metricsPort;
    const wanted = { host: "127.0.0.1", port, variable: "METRICS_PORT", wayOut: "METRICS_PORT=9466" };
    obeyFaults(config);
    return await explainListening(wanted, () => startWorker(config));
  });
}
