import { realpath } from "node:fs/promises";
import path from "node:path";
import type { DemoLogin } from "../../seeds/demo.ts";
import { setTimeout } from "node:timers/promises";
import type { Config } from "#src/config.ts";
import type { Environment } from "#src/settings.ts";
import { migrationStatus } from "#src/platform/database/migrate.ts";
import { prepareDataDir } from "#src/platform/data-folder.ts";
import { mistake } from "#src/platform/mistake.ts";
import { startEmbeddedPostgres } from "#src/platform/postgres/embedded.ts";
import { guardPostgres } from "#src/platform/postgres/guard.ts";
import { findFreePort } from "#src/platform/postgres/postmaster.ts";
import { type Child, keepRunning } from "#src/platform/supervisor/child.ts";
import { type Claim, claimDataDir, findClaim } from "#src/platform/supervisor/claim.ts";
import { createOutput } from "#src/platform/supervisor/output.ts";
import { drawBox } from "./box.ts";
import { hasAccount, probeDatabase, withoutPassword } from "./database.ts";
import { ROOT } from "./environment.ts";
import { requirePort, tryPort } from "./ports.ts";
import type { Terminal } from "./terminal.ts";

const READY_TIMEOUT_MS = 30_000;
const READY_POLL_MS = 25;
const MAIN = path.join(ROOT, "server", "src", "main.ts");

/** What has to be stopped, in the order in which it was started. */
export type Running = { undo: ((withinMs: number) => Promise<void>)[]; children: Child[] };

export type UpContext = {
  config: Config;
  env: Environment;
  terminal: Terminal;
  signal: AbortSignal;
};

type Ports = { api: number; worker: number };

/** The steps of `up`, one after the other; whatever runs is put into `running` as soon as it does. */
export async function bringUp(context: UpContext, running: Running): Promise<void> {
  const { config, terminal, signal } = context;
  const ports = await takeFolderAndPorts(context, running);
  const go = Promise.withResolvers<Record<string, string>>();
  const children = startChildren(context, ports, go.promise);
  running.children.push(...children);
  const database = await openDatabase(context, running);
  signal.throwIfAborted();
  await migrateWhenPending(context, database.url);
  signal.throwIfAborted();
  await seedWhenEmpty(context, database.url);
  signal.throwIfAborted();
  go.resolve({ DATABASE_URL: database.url });
  await Promise.all(children.map((child) => child.ready)).catch(async (error: unknown) => {
    await requirePorts(context, ports);
    const reason = error instanceof Error ? error.message : String(error);
    throw mistake(`${reason}; its output is above or in ${logFolder(config)}`, error);
  });
  await awaitReadiness(localUrl(config.host, ports.api), signal);
  const seconds = (performance.now() / 1_000).toFixed(1);
  const url = config.port === 0 ? localUrl(config.host, ports.api) : config.publicUrl;
  const workerUrl = `http://127.0.0.1:${ports.worker}`;
  const logs = process.stdout.isTTY ? logFolder(config) : `standard output; PostgreSQL's in ${logFolder(config)}`;
  const logins = await findDemoLogins(config, database.url);
  const facts = { url, workerUrl, data: database.data, database: database.text, seconds, logins, logs };
  terminal.line(drawBox(facts));
}

async function takeFolderAndPorts(context: UpContext, running: Running): Promise<Ports> {
  const { config, env } = context;
  const other = await findClaim(config.dataDir);
  if (other !== undefined && other !== "stale") throw alreadyUp(config.dataDir, other);
  const api = config.port === 0 ? await findFreePort(0) : config.port;
  const ports = { api, worker: await workerPort(config, env) };
  // What a killed supervisor leaves needs a moment to be gone.
  await requirePorts(context, ports, other === "stale");
  await prepareDataDir(config.dataDir);
  const claim = await claimDataDir(config.dataDir, localUrl(config.host, api));
  if ("taken" in claim) throw alreadyUp(config.dataDir, claim.taken);
  running.undo.push(() => claim.release());
  return ports;
}

/** A port that was asked for must be free; the default one gives way, or a second shop would need two variables. */
async function workerPort({ metricsPort }: Config, env: Environment): Promise<number> {
  if (metricsPort === 0) return await findFreePort(0);
  if (env["METRICS_PORT"]?.trim()) return metricsPort;
  return (await tryPort("127.0.0.1", metricsPort)) === undefined ? metricsPort : await findFreePort(0);
}

async function requirePorts({ config }: UpContext, ports: Ports, orphaned = false): Promise<void> {
  const wayOut = `PORT=${ports.api === 8080 ? 8081 : 8080} make run`;
  await requirePort({ host: config.host, port: ports.api, variable: "PORT", wayOut }, orphaned);
  const other = `METRICS_PORT=${ports.worker + 1} make run`;
  await requirePort({ host: "127.0.0.1", port: ports.worker, variable: "METRICS_PORT", wayOut: other }, orphaned);
}

function alreadyUp(dataDir: string, claim: Claim): Error {
  const another = "start another one with DATA_DIR and PORT of its own";
  return mistake(
    `Shopfloor runs in ${dataDir} already (pid ${claim.pid}, ${claim.url}): use it, stop it, or ${another}`,
  );
}

type Database = { url: string; text: string; data: string };

function describe(version: string, url: string): string {
  return `PostgreSQL ${version}, ${withoutPassword(url)}`;
}

async function openDatabase(context: UpContext, running: Running): Promise<Database> {
  const { config, terminal } = context;
  if (config.databaseUrl !== undefined) {
    const version = await probeDatabase(config.databaseUrl);
    return { url: config.databaseUrl, text: describe(version, config.databaseUrl), data: config.dataDir };
  }
  const log = (line: string) => terminal.line(`PostgreSQL   ${line}`);
  const options = { dataDir: config.dataDir, log, onProgress: log };
  const server = await startEmbeddedPostgres(options);
  const again = () => startEmbeddedPostgres({ ...options, port: server.port });
  const guard = guardPostgres(server, again, (line) => terminal.line(line));
  running.undo.push((withinMs) => guard.stop(withinMs));
  const origin = server.adopted
    ? `adopted: an earlier run left it behind (pid ${server.pid})`
    : `runs (pid ${server.pid})`;
  log(`${server.version} ${origin}`);
  const isInside = server.folder.startsWith(await realpath(config.dataDir));
  const data = isInside ? config.dataDir : `${config.dataDir}, PostgreSQL's files in ${server.folder}`;
  return { url: server.url, text: describe(server.version, server.url), data };
}

/** The migrations' code is loaded only when it is needed: most starts find a database that has them all. */
async function migrateWhenPending({ terminal }: UpContext, url: string): Promise<void> {
  const { pending } = await migrationStatus(url);
  if (pending.length === 0) return;
  const { migrateDatabase } = await import("#src/app.ts");
  await migrateDatabase(url, { onProgress: (line) => terminal.line(`migration    ${line}`) });
}

/** Demo data goes into an empty database unless DEMO=0. */
async function seedWhenEmpty({ config, env, terminal }: UpContext, url: string): Promise<void> {
  const isWanted = config.demo || (!config.production && !env["DEMO"]?.trim());
  if (!isWanted || (await hasAccount(url))) return;
  const { seedDemo } = await import("../../seeds/demo.ts");
  const progress = (done: number, total: number) => terminal.progress(`demo data    ${done} of ${total} rows`);
  const { seeded } = await seedDemo(url, progress);
  if (seeded) terminal.line("demo data    is in; DEMO=0 leaves it out");
}

/** The published logins of the demo, where its accounts are. */
async function findDemoLogins(config: Config, url: string): Promise<DemoLogin[]> {
  if (config.production) return [];
  const { demoLogins } = await import("../../seeds/demo.ts");
  const present = await Promise.all(demoLogins.map(({ email }) => hasAccount(url, email)));
  return demoLogins.filter((_, index) => present[index]);
}

/**
 * The children load their code at once, which takes longer than all the rest, and wait for their go: the worker for the
 * database, the API for the worker, which tells the database of new consumers before anything is placed for them.
 */
function startChildren(context: UpContext, ports: Ports, go: Promise<Record<string, string>>): Child[] {
  const { config, terminal } = context;
  const log = (line: string) => terminal.line(line);
  // On a terminal the box stays readable; elsewhere whoever collects the output wants all of it, unchanged.
  const output = process.stdout.isTTY ? { output: createOutput(logFolder(config), log) } : {};
  const given = {
    NODE_COMPILE_CACHE: path.join(config.dataDir, "cache"),
    ...context.env,
    DATA_DIR: config.dataDir,
    PORT: String(ports.api),
    METRICS_PORT: String(ports.worker),
  };
  const start = (name: string, goOfChild: Promise<Record<string, string>>) => {
    const spec = { name, args: [MAIN, name, "--supervised"], env: given, go: goOfChild };
    return keepRunning(spec, { log, ...output });
  };
  const worker = start("worker", go);
  return [
    worker,
    start(
      "api",
      worker.ready.then(() => go),
    ),
  ];
}

async function awaitReadiness(url: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let last = "no answer";
  while (Date.now() < deadline) {
    signal.throwIfAborted();
    const response = await fetch(`${url}/api/v1/health/ready`, { signal }).catch(() => undefined);
    if (response?.status === 200) return;
    last = response === undefined ? last : `${response.status} ${await response.text()}`;
    await setTimeout(READY_POLL_MS);
  }
  throw mistake(`the API at ${url} is not ready after ${READY_TIMEOUT_MS / 1_000} s: ${last}`);
}

/** Where this machine reaches what listens on an address; "all addresses" is none that can be called. */
function localUrl(host: string, port: number): string {
  if (host === "0.0.0.0" || host === "::") return `http://127.0.0.1:${port}`;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function logFolder(config: Config): string {
  return path.join(config.dataDir, "logs");
}
