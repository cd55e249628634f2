import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { migrateDatabase } from "#src/app.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "#src/platform/postgres/embedded.ts";
import { isAlive } from "#src/platform/processes.ts";
import { until } from "#test/until.ts";

const run = promisify(execFile);
// Root's PostgreSQL runs as another user, who has to get through a folder to its own.
const PASSABLE = 0o755;

/** A PostgreSQL that belongs to one test, with everything on disk that it acknowledged, so that it can be hurt. */
export type Postgres = AsyncDisposable & {
  url: string;
  port: number;
  pid(): number;
  /** SIGKILL to the server; resolves when it is gone */
  kill(): Promise<void>;
  /** starts it again at the same port; resolves when it answers */
  start(): Promise<void>;
  /** an orderly end */
  stop(): Promise<void>;
  /** SIGSTOP to the server and all its backends: connections stay open and nobody answers */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
};

/** Makes a migrated database in a folder of its own. @param folder where its files go; absent: a temporary one */
export async function startPostgres(folder?: string): Promise<Postgres> {
  const dataDir = folder ?? (await mkdtemp(path.join(tmpdir(), "shopfloor-faults-")));
  await chmod(dataDir, PASSABLE);
  const options = { dataDir, log: () => undefined };
  let server: EmbeddedPostgres = await startEmbeddedPostgres(options);
  const { url, port } = server;
  await migrateDatabase(url);
  let frozen: number[] = [];
  const thaw = async () => {
    for (const pid of frozen.splice(0)) if (await isAlive(pid)) process.kill(pid, "SIGCONT");
  };
  return {
    url,
    port,
    pid: () => server.pid,
    async kill() {
      process.kill(server.pid, "SIGKILL");
      await until(async () => !(await isAlive(server.pid)));
    },
    async start() {
      server = await startEmbeddedPostgres({ ...options, port });
    },
    stop: () => server.stop(),
    async freeze() {
      // The server first: it would start new backends while the old ones are being stopped.
      process.kill(server.pid, "SIGSTOP");
      frozen = [server.pid, ...(await childrenOf(server.pid))];
      for (const pid of frozen.slice(1)) process.kill(pid, "SIGSTOP");
    },
    thaw,
    async [Symbol.asyncDispose]() {
      await thaw();
      await server.stop();
      if (folder === undefined) await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** Runs work on a connection of its own, past the process under test. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: "shopfloor tests" });
  // A server that dies under the connection would otherwise end the tests.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const { stdout } = await run("ps", ["-o", "pid=", "--ppid", String(pid)]);
  return stdout.trim().split(/\s+/).map(Number);
}
