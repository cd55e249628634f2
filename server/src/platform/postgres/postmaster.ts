import { spawn } from "node:child_process";
import { open, readFile, rename, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { folderMistake } from "../data-folder.ts";
import { findCommand, isAlive } from "../processes.ts";
import type { Binaries } from "./binaries.ts";
import { childOptions } from "./cluster.ts";
import type { Place } from "./place.ts";

const POLL_MS = 10;
const GONE_POLL_MS = 200;
const LOG_TAIL_BYTES = 64 * 1024;
const LOG_ROTATE_BYTES = 8 * 1024 * 1024;
const MAX_CONNECTIONS = 100;

/** A running server, as its lock file describes it. */
export type Postmaster = { pid: number; port: number; status: string };

/** The living server of this cluster, ours or left behind by an earlier run. */
export async function findPostmaster(cluster: string): Promise<Postmaster | undefined> {
  const found = await readLockFile(cluster);
  return found !== undefined && (await isServerOf(found.pid, cluster)) ? found : undefined;
}

/**
 * After a reboot another program may have the number that a dead server left in its lock file; PostgreSQL would refuse
 * to start. The number is replaced by one that nobody has, instead of deleting the file, because PostgreSQL then still
 * looks for orphans of the dead server in shared memory.
 */
export async function disarmLockFile(cluster: string): Promise<void> {
  const found = await readLockFile(cluster);
  if (found === undefined || !(await isAlive(found.pid)) || (await isServerOf(found.pid, cluster))) return;
  const file = path.join(cluster, LOCK_FILE);
  const [, ...rest] = (await readFile(file, "utf8")).split("\n");
  await writeFile(file, [NOBODY, ...rest].join("\n"));
}

export type Launched = { pid: number; ended(): string | undefined; output(): Promise<string> };

/** Starts a server that outlives this process: in a session of its own, its output in a file instead of a pipe. */
export async function launch(place: Place, binaries: Binaries, settings: string[]): Promise<Launched> {
  await rotate(place.logFile);
  const log = await open(place.logFile, "a", 0o600).catch((error: unknown) => {
    throw folderMistake(place.logFile, error);
  });
  try {
    const { size } = await log.stat();
    const child = spawn(binaries.postgres, ["-D", place.cluster, ...settings], {
      ...childOptions(place.owner),
      // Ctrl-C reaches the whole foreground group of a terminal, and API and worker need the database to drain.
      detached: true,
      stdio: ["ignore", log.fd, log.fd],
    });
    let ended: string | undefined;
    child.on("exit", (code, signal) => (ended = signal ?? `code ${code}`));
    child.on("error", (error) => (ended = error.message));
    child.unref();
    return { pid: child.pid ?? 0, ended: () => ended, output: () => readFrom(place.logFile, size) };
  } finally {
    await log.close();
  }
}

/** The settings that every server gets; a test's server may forget everything when the machine stops. */
export function settingsOf(port: number, durable: boolean): string[] {
  const settings: Record<string, string | number> = {
    port,
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: MAX_CONNECTIONS,
    shared_buffers: "64MB",
    shared_preload_libraries: "pg_stat_statements",
    timezone: "UTC",
    log_timezone: "UTC",
    log_checkpoints: "off",
    // Its details quote rows: "Key (email)=(ann@example.com) already exists."
    log_error_verbosity: "terse",
    cluster_name: "shopfloor",
    ...(durable ? {} : { fsync: "off", synchronous_commit: "off", full_page_writes: "off" }),
  };
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

/** Waits until the server accepts connections. @returns undefined when it ended or the time is over */
export async function awaitReady(
  cluster: string,
  isOver: () => boolean | Promise<boolean>,
  withinMs: number,
): Promise<Postmaster | undefined> {
  const deadline = Date.now() + withinMs;
  while (Date.now() < deadline && !(await isOver())) {
    const found = await readLockFile(cluster);
    if (found?.status === "ready" && (await isAlive(found.pid))) return found;
    await setTimeout(POLL_MS);
  }
  return undefined;
}

/** Waits until a process is gone. @returns false when the time is over first */
export async function awaitGone(pid: number, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (await isAlive(pid)) {
    if (Date.now() > deadline) return false;
    await setTimeout(POLL_MS);
  }
  return true;
}

/** Resolves when the server is gone, whoever started it; keeps no program alive by itself. */
export async function watchGone(pid: number, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && (await isAlive(pid))) await setTimeout(GONE_POLL_MS, undefined, { ref: false });
}

/** Ends a server: sessions are cut and everything is written down; when that takes too long, without writing. */
export async function endServer(pid: number, withinMs: number): Promise<void> {
  if (!signalTo(pid, "SIGINT")) return;
  if (await awaitGone(pid, withinMs)) return;
  // Nothing that was committed is lost by this: the next start replays the log of changes.
  signalTo(pid, "SIGQUIT");
  if (!(await awaitGone(pid, withinMs))) signalTo(pid, "SIGKILL");
}

/** A port of the loopback that is free now: the wanted one, else any. */
export async function findFreePort(wanted: number): Promise<number> {
  if (wanted !== 0 && (await isFree(wanted)) !== undefined) return wanted;
  return (await isFree(0)) ?? 0;
}

const LOCK_FILE = "postmaster.pid";
// Above the highest process number that Linux (2^22) and macOS (99,998) give.
const NOBODY = "2147483646";
// Lines of the lock file, see "postmaster.pid" in the chapter "Database File Layout" of PostgreSQL's manual.
const PORT_LINE = 3;
const STATUS_LINE = 7;

async function readLockFile(cluster: string): Promise<Postmaster | undefined> {
  const text = await readFile(path.join(cluster, LOCK_FILE), "utf8").catch(() => "");
  const lines = text.split("\n").map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, port: Number(lines[PORT_LINE]), status: lines[STATUS_LINE] ?? "" };
}

async function isServerOf(pid: number, cluster: string): Promise<boolean> {
  if (!(await isAlive(pid))) return false;
  const command = await findCommand(pid);
  return command !== undefined && command.includes(`postgres -D ${cluster} `);
}

function signalTo(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

async function isFree(port: number): Promise<number | undefined> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? address?.port : undefined));
    });
  });
}

async function rotate(file: string): Promise<void> {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > LOG_ROTATE_BYTES) await rename(file, `${file}.1`);
}

async function readFrom(file: string, position: number): Promise<string> {
  await using handle = await open(file, "r");
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(LOG_TAIL_BYTES), 0, LOG_TAIL_BYTES, position);
  return buffer.toString("utf8", 0, bytesRead);
}
