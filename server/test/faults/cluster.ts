import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { migrateDatabase } from "#src/app.ts";
import { findRunningPostgres, startEmbeddedPostgres } from "#src/platform/postgres/embedded.ts";
import { guardPostgres } from "#src/platform/postgres/guard.ts";
import { until } from "#test/until.ts";

/** A durable PostgreSQL that may be killed: guarded as `up` guards its own. */
export type Cluster = AsyncDisposable & {
  /** makes a migrated database of its own. @returns its address */
  createDatabase(): Promise<string>;
  /** SIGKILL to the server; resolves when it answers again */
  killServer(): Promise<void>;
  /** ends one session of ours: by SIGKILL, after which the server ends all of them and recovers, or politely */
  killSession(url: string, how: "kill" | "terminate"): Promise<boolean>;
};

// Root's PostgreSQL runs as another user, who has to get through a folder to its own.
const PASSABLE = 0o755;
const CONNECT_MS = 2_000;
const STOP_MS = 3_000;
let databases = 0;

export async function startCluster(): Promise<Cluster> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "shopfloor-fire-"));
  await chmod(dataDir, PASSABLE);
  const log = () => undefined;
  const server = await startEmbeddedPostgres({ dataDir, log });
  const guard = guardPostgres(server, () => startEmbeddedPostgres({ dataDir, log, port: server.port }), log);
  return {
    async createDatabase() {
      const name = `fire_${(databases += 1)}`;
      await query(server.url, `CREATE DATABASE ${name}`);
      const url = new URL(`/${name}`, server.url).href;
      await migrateDatabase(url);
      return url;
    },
    async killServer() {
      const running = await findRunningPostgres(dataDir);
      if (running !== undefined) process.kill(running.pid, "SIGKILL");
      await until(async () => (await findRunningPostgres(dataDir))?.pid !== running?.pid);
      await answers(server.url);
    },
    async killSession(url, how) {
      // Asked again when the server was just ended by another strike.
      const [session] = await until(() => query<{ pid: number }>(url, SESSION).catch(() => undefined));
      if (session === undefined) return false;
      if (how === "terminate")
        await query(url, "SELECT pg_terminate_backend($1)", [session.pid]).catch(() => undefined);
      else kill(session.pid);
      await answers(url);
      return true;
    },
    async [Symbol.asyncDispose]() {
      await guard.stop(STOP_MS);
      await rm(dataDir, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

const SESSION = `SELECT pid FROM pg_stat_activity
  WHERE datname = current_database() AND application_name ~ '^shopfloor (api|worker)' ORDER BY random() LIMIT 1`;

async function answers(url: string): Promise<void> {
  await until(() =>
    query(url, "SELECT 1").then(
      () => true,
      () => false,
    ),
  );
}

/** Runs one statement on a connection of its own. */
export async function query<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MS, query_timeout: 30_000 });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself meanwhile.
  }
}
