import pg from "pg";
import type { Config } from "#src/config.ts";
import { codeOf, mistake } from "#src/platform/mistake.ts";
import { findRunningPostgres, startEmbeddedPostgres } from "#src/platform/postgres/embedded.ts";
import { findClaim } from "#src/platform/supervisor/claim.ts";

/** PostgreSQL 14, as the server itself writes its version. */
const OLDEST_VERSION = 140_000;
const CONNECT_TIMEOUT_MS = 3_000;
const QUERY_TIMEOUT_MS = 5_000;

/** Runs a command's work on the configured database, or on the embedded one, started for it when it does not run. */
export async function withDatabase<T>(config: Config, work: (databaseUrl: string) => Promise<T>): Promise<T> {
  if (config.databaseUrl !== undefined) {
    await probeDatabase(config.databaseUrl);
    return await work(config.databaseUrl);
  }
  const server = await startEmbeddedPostgres({ dataDir: config.dataDir, log: say, onProgress: say });
  try {
    return await work(server.url);
  } finally {
    // An `up` may have begun meanwhile and uses it now; one that ran before is not ours to stop.
    const supervisor = await findClaim(config.dataDir);
    if (!server.adopted && (supervisor === undefined || supervisor === "stale")) await server.stop();
  }
}

/** The configuration with a database: the one that is set, else the embedded one that runs here. */
export async function withDatabaseUrl(config: Config): Promise<Config> {
  if (config.databaseUrl !== undefined) return config;
  const running = await findRunningPostgres(config.dataDir);
  if (running !== undefined) return { ...config, databaseUrl: running.url };
  throw mistake("DATABASE_URL is not set and no PostgreSQL of ours runs here: set it, or use 'up', which starts one");
}

/**
 * Asks a database for its version.
 * @returns the version as people write it
 * @throws a mistake when it does not answer, does not let us in or is older than 14
 */
export async function probeDatabase(url: string): Promise<string> {
  const { number, text } = await ask<{ number: number; text: string }>(
    url,
    "SELECT current_setting('server_version_num')::int AS number, split_part(current_setting('server_version'), ' ', 1) AS text",
  );
  if (number >= OLDEST_VERSION) return text;
  throw mistake(`the PostgreSQL of DATABASE_URL is ${text}: 14 or newer is needed`);
}

/** Whether there is an account, or one with the given address. */
export async function hasAccount(url: string, email?: string): Promise<boolean> {
  const query = "SELECT EXISTS (SELECT FROM users WHERE $1::text IS NULL OR email = $1) AS found";
  return (await ask<{ found: boolean }>(url, query, [email ?? null])).found;
}

/** A database's address without its password. */
export function withoutPassword(url: string): string {
  const parsed = new URL(url);
  if (parsed.password === "") return url;
  parsed.password = "***";
  return parsed.href;
}

async function ask<T extends pg.QueryResultRow>(url: string, text: string, values: unknown[] = []): Promise<T> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    application_name: "shopfloor command",
  });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const [row] = (await client.query<T>(text, values)).rows;
    if (row === undefined) throw new Error("the database answered without a row");
    return row;
  } catch (error) {
    throw connectionMistake(url, error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

function connectionMistake(url: string, error: unknown): unknown {
  const { host, pathname, username } = new URL(url);
  const code = codeOf(error) ?? "";
  if (code === "28P01" || code === "28000") {
    return mistake(`the PostgreSQL at ${host} refuses the user '${username}': check DATABASE_URL`, error);
  }
  if (code === "3D000") {
    return mistake(`the PostgreSQL at ${host} has no database '${pathname.slice(1)}': create it`, error);
  }
  const isSilent = /^(ECONN|ENOTFOUND|EAI_AGAIN|EHOST|ENET|ETIMEDOUT|57P03)/.test(code);
  if (!isSilent && !(error instanceof Error && /timeout|terminated/i.test(error.message))) return error;
  const reason = code || (error instanceof Error ? error.message : "");
  const wayOut = "start it or check DATABASE_URL; without DATABASE_URL, Shopfloor starts a PostgreSQL of its own";
  return mistake(`no PostgreSQL answers at ${host} (${reason}): ${wayOut}`, error);
}

function say(line: string): void {
  console.error(line);
}
