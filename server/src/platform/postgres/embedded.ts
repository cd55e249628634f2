import { setTimeout } from "node:timers/promises";
import pg from "pg";
import { codeOf, mistake } from "../mistake.ts";
import { findListener } from "../processes.ts";
import { prepareBinaries } from "./binaries.ts";
import * as cluster from "./cluster.ts";
import { choosePlace, findPlace, type Place } from "./place.ts";
import * as postmaster from "./postmaster.ts";

const DATABASE = "shopfloor";
const CONNECT_TIMEOUT_MS = 2_000;
const CONNECT_PATIENCE_MS = 10_000;
const CONNECT_PAUSE_MS = 20;
// A crash that left much to replay takes long; a server that still works on it is not disturbed but waited for.
const START_TIMEOUT_MS = 120_000;
const STOP_TIMEOUT_MS = 5_000;
const ATTEMPTS = 20;
const RETRY_PAUSE_MS = 250;

export type EmbeddedOptions = {
  /** Shopfloor's data folder; the cluster is made inside, or where root's PostgreSQL gets at it */
  dataDir: string;
  log: (line: string) => void;
  /** wanted: an error when taken; absent: the one of the last time, else any free one */
  port?: number;
  /** false for tests only: what was acknowledged is lost when the machine stops */
  fsync?: boolean;
  onProgress?: (line: string) => void;
};

export type EmbeddedPostgres = {
  url: string;
  port: number;
  /** true when the server ran already, left behind by an earlier run or started by another command */
  adopted: boolean;
  version: string;
  pid: number;
  /** where its files lie: not in `dataDir` when root's PostgreSQL does not get in there */
  folder: string;
  /** resolves when the server is gone, stopped or crashed */
  gone: Promise<void>;
  /** ends the server also when it was adopted; bounded, 5 s unless told otherwise */
  stop(withinMs?: number): Promise<void>;
};

type Step = "running" | "retry" | { pid: number; port: number; adopted: boolean };

/**
 * Starts the PostgreSQL of a data folder, or adopts the one that runs there, and makes what is missing.
 * @throws a mistake (`isMistake`) with one line and the way out: not writable, not ours, full disk, port taken ...
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const progress = options.onProgress ?? (() => undefined);
  const durable = options.fsync ?? true;
  const place = await choosePlace(options.dataDir);
  const existing = await cluster.findMemory(place);
  const found = await adopt(place);
  if (existing !== undefined && found !== undefined) return await connect(place, existing, found);
  const binaries = await prepareBinaries(place, progress);
  if (existing === undefined) progress("making a database");
  const memory = existing ?? (await cluster.createCluster(place, binaries, durable));
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const port = await portFor(options.port, memory.port);
    const running = (await adopt(place)) ?? (await start(place, binaries, postmaster.settingsOf(port, durable)));
    if (typeof running === "object") return await connect(place, memory, running);
    // Either an orphan of a crashed server still ends, or somebody took the port or started it at the same moment.
    await setTimeout(RETRY_PAUSE_MS);
  }
  throw mistake(`PostgreSQL in ${place.cluster} did not start in ${ATTEMPTS} attempts: ${place.logFile} tells why`);
}

/** Where to reach the PostgreSQL that runs in a data folder; undefined when none does. Starts and changes nothing. */
export async function findRunningPostgres(dataDir: string): Promise<{ url: string; pid: number } | undefined> {
  const place = await findPlace(dataDir);
  if (place === undefined) return undefined;
  const memory = await cluster.findMemory(place);
  const found = await postmaster.findPostmaster(place.cluster);
  return memory === undefined || found === undefined ? undefined : { url: urlOf(memory, found.port), pid: found.pid };
}

async function portFor(wanted: number | undefined, remembered: number): Promise<number> {
  const port = await postmaster.findFreePort(wanted ?? remembered);
  if (wanted === undefined || wanted === 0 || port === wanted) return port;
  const holder = await findListener(wanted);
  throw mistake(`port ${wanted} for PostgreSQL is taken${holder === undefined ? "" : ` by ${holder}`}`);
}

/** The server that runs in this place already; one that is just ending is waited for. */
async function adopt(place: Place): Promise<Exclude<Step, string> | undefined> {
  const found = await postmaster.findPostmaster(place.cluster);
  if (found === undefined) return undefined;
  const isOver = async () => (await postmaster.findPostmaster(place.cluster))?.pid !== found.pid;
  const ready = await postmaster.awaitReady(place.cluster, isOver, START_TIMEOUT_MS);
  return ready === undefined ? undefined : { pid: ready.pid, port: ready.port, adopted: true };
}

async function start(place: Place, binaries: { initdb: string; postgres: string }, settings: string[]): Promise<Step> {
  await postmaster.disarmLockFile(place.cluster);
  const server = await postmaster.launch(place, binaries, settings);
  const isOver = () => server.ended() !== undefined;
  const ready = await postmaster.awaitReady(place.cluster, isOver, START_TIMEOUT_MS);
  if (ready !== undefined) return { pid: ready.pid, port: ready.port, adopted: ready.pid !== server.pid };
  if (!isOver()) {
    throw mistake(`PostgreSQL still recovers after ${START_TIMEOUT_MS / 1_000} s and goes on: try again in a while`);
  }
  const output = await server.output().catch(() => "");
  if (/lock file "postmaster.pid" already exists/.test(output)) return "running";
  if (/could not (bind|create any TCP)|pre-existing shared memory block/.test(output)) return "retry";
  if (cluster.FULL_DISK_TEXT.test(output) || (await cluster.isDiskFull(place.cluster)))
    throw cluster.fullDisk(place.cluster);
  const line = output.split("\n").find((text) => /FATAL|PANIC/.test(text)) ?? `it ended with ${server.ended()}`;
  throw mistake(`PostgreSQL does not start in ${place.cluster}: ${line} (all of it in ${place.logFile})`);
}

async function connect(
  place: Place,
  memory: cluster.Memory,
  running: Exclude<Step, string>,
): Promise<EmbeddedPostgres> {
  const { pid, port, adopted } = running;
  const url = urlOf(memory, port);
  const version = await prepareDatabase(url, pid);
  if (memory.port !== port) await cluster.rememberPort(place, { ...memory, port });
  const watch = new AbortController();
  return {
    url,
    port,
    adopted,
    version,
    pid,
    folder: place.cluster,
    gone: postmaster.watchGone(pid, watch.signal),
    stop: async (withinMs = STOP_TIMEOUT_MS) => {
      await postmaster.endServer(pid, withinMs);
      watch.abort();
    },
  };
}

function urlOf(memory: cluster.Memory, port: number): string {
  return `postgres://${cluster.SUPERUSER}:${memory.password}@127.0.0.1:${port}/${DATABASE}`;
}

/** Makes the database where it is missing. @returns the server's version */
async function prepareDatabase(url: string, pid: number): Promise<string> {
  const deadline = Date.now() + CONNECT_PATIENCE_MS;
  for (;;) {
    try {
      return await withClient(new URL("/postgres", url).href, async (client) => {
        const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version') AS version");
        const known = await client.query("SELECT FROM pg_database WHERE datname = $1", [DATABASE]);
        if (known.rowCount === 0) await createDatabase(client);
        return rows[0]?.version ?? "";
      });
    } catch (error) {
      if (codeOf(error) === "28P01") {
        throw mistake(
          `the PostgreSQL of this folder (pid ${pid}) refuses our password: stop it and start again`,
          error,
        );
      }
      if (Date.now() > deadline) throw error;
      await setTimeout(CONNECT_PAUSE_MS);
    }
  }
}

async function createDatabase(client: pg.Client): Promise<void> {
  try {
    await client.query(`CREATE DATABASE ${DATABASE}`);
  } catch (error) {
    // Two commands at once: the other one has made it.
    if (codeOf(error) !== "42P04" && codeOf(error) !== "23505") throw error;
  }
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // Without a listener, a server that dies under the connection would end Node.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}
