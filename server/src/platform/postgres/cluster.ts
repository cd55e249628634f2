import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdir, readdir, readFile, rename, rm, statfs, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { codeOf, mistake } from "../mistake.ts";
import { type Binaries, getMajorVersion } from "./binaries.ts";
import type { Owner, Place } from "./place.ts";

const run = promisify(execFile);

export const SUPERUSER = "shopfloor";
const PASSWORD_BYTES = 24;
const PRIVATE_FILE = 0o600;
const PRIVATE_FOLDER = 0o700;
const MEMORY_FILE = "shopfloor.json";
const DRAFT = /^postgres\.new-/;
/** A new cluster takes 40 MB and its first log of changes 16 MB more. */
const NEW_CLUSTER_BYTES = 80 * 1024 * 1024;
/** With less than this a server does not get through its start. */
const FULL_DISK_BYTES = 2 * 1024 * 1024;

/** What a cluster of ours carries with it: how to log in, and the port to use again. */
export type Memory = { password: string; port: number };

/**
 * The memory of the cluster in this place; undefined when there is no cluster.
 * @throws a mistake when what is there is not ours or of another major version
 */
export async function findMemory(place: Place): Promise<Memory | undefined> {
  const { cluster } = place;
  const version = (await readText(path.join(cluster, "PG_VERSION")))?.trim();
  const text = await readText(path.join(cluster, MEMORY_FILE));
  if (version === undefined && text === undefined) {
    const names = await readdir(cluster).catch(() => []);
    if (names.length === 0) return undefined;
  }
  if (version === undefined || text === undefined) {
    throw mistake(
      `${cluster} was not made by Shopfloor: choose another DATA_DIR, or set DATABASE_URL to use its server`,
    );
  }
  const ours = await getMajorVersion();
  if (version !== ours) {
    const wayOut = `move its data with PostgreSQL ${version}'s own pg_dump, or choose another DATA_DIR`;
    throw mistake(`${cluster} was made by PostgreSQL ${version} and this is ${ours}: ${wayOut}`);
  }
  return parseMemory(text, path.join(cluster, MEMORY_FILE));
}

/** Writes the port down, so that the next start uses it again and addresses in other people's notes stay true. */
export async function rememberPort(place: Place, memory: Memory): Promise<void> {
  await writeOwned(path.join(place.cluster, MEMORY_FILE), JSON.stringify(memory), place.owner);
}

/** Makes a cluster beside its place and moves it there when it is complete: a half-made one is never started. */
export async function createCluster(place: Place, binaries: Binaries, durable: boolean): Promise<Memory> {
  const parent = path.dirname(place.cluster);
  await sweepDrafts(parent);
  if ((await freeBytes(parent)) < NEW_CLUSTER_BYTES) throw fullDisk(parent);
  const draft = path.join(parent, `postgres.new-${process.pid}-${randomBytes(4).toString("hex")}`);
  const passwordFile = `${draft}.password`;
  const memory: Memory = { password: randomBytes(PASSWORD_BYTES).toString("base64url"), port: 0 };
  try {
    await mkdir(draft, { mode: PRIVATE_FOLDER });
    if (place.owner !== undefined) await chown(draft, place.owner.uid, place.owner.gid);
    await writeOwned(passwordFile, `${memory.password}\n`, place.owner);
    await run(binaries.initdb, initdbArguments(draft, passwordFile, durable), childOptions(place.owner));
    await writeOwned(path.join(draft, MEMORY_FILE), JSON.stringify(memory), place.owner);
    await rename(draft, place.cluster);
    return memory;
  } catch (error) {
    const other = await raced(place, error);
    if (other !== undefined) return other;
    throw await initdbMistake(parent, error);
  } finally {
    await Promise.all([draft, passwordFile].map((left) => rm(left, { recursive: true, force: true })));
  }
}

/** How PostgreSQL's programs are run: as the owner, in a folder that everybody may be in, without our settings. */
export function childOptions(owner: Owner | undefined) {
  const env = { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C", TZ: "UTC" };
  return { cwd: "/", env, ...owner };
}

export async function isDiskFull(folder: string): Promise<boolean> {
  return (await freeBytes(folder)) < FULL_DISK_BYTES;
}

export function fullDisk(folder: string, cause?: unknown): Error {
  return mistake(`the disk of ${folder} is full: make room (100 MB are enough) or choose another DATA_DIR`, cause);
}

export const FULL_DISK_TEXT = /no space left on device|disk quota exceeded/i;

function initdbArguments(folder: string, passwordFile: string, durable: boolean): string[] {
  return [
    `--pgdata=${folder}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    // Sorting and case by PostgreSQL's own tables: an index stays valid when the system's library is updated.
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    `--locale=${process.platform === "darwin" ? "en_US.UTF-8" : "C.UTF-8"}`,
    "--lc-messages=C",
    "--data-checksums",
    ...(durable ? [] : ["--no-sync"]),
  ];
}

async function sweepDrafts(parent: string): Promise<void> {
  const names = await readdir(parent);
  // A draft of a run that still works on it carries its process number; that one is left alone.
  const left = names.filter((name) => DRAFT.test(name) && !isRunning(Number(name.split("-")[1])));
  await Promise.all(left.map((name) => rm(path.join(parent, name), { recursive: true, force: true })));
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** Two first starts at once: the one that comes second uses what the first has made. */
async function raced(place: Place, error: unknown): Promise<Memory | undefined> {
  return ["ENOTEMPTY", "EEXIST"].includes(codeOf(error) ?? "") ? await findMemory(place) : undefined;
}

async function initdbMistake(parent: string, error: unknown): Promise<Error> {
  const output = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
  if (FULL_DISK_TEXT.test(output) || codeOf(error) === "ENOSPC" || (await isDiskFull(parent))) {
    return fullDisk(parent, error);
  }
  const line = output.split("\n").find((text) => /error|fatal|panic/i.test(text)) ?? output.trim().split("\n").at(-1);
  return mistake(`a database could not be made in ${parent}: ${line ?? "initdb said nothing"}`, error);
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

async function writeOwned(file: string, text: string, owner: Owner | undefined): Promise<void> {
  const draft = `${file}.${process.pid}-${randomBytes(4).toString("hex")}`;
  await writeFile(draft, text, { mode: PRIVATE_FILE, flag: "wx" });
  if (owner !== undefined) await chown(draft, owner.uid, owner.gid);
  await rename(draft, file);
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "")) return undefined;
    throw mistake(`${file} cannot be read (${codeOf(error)}): choose another DATA_DIR or change its owner`, error);
  }
}

function parseMemory(text: string, file: string): Memory {
  try {
    const { password, port } = JSON.parse(text) as Partial<Memory>;
    if (typeof password === "string" && Number.isInteger(port)) return { password, port: Number(port) };
  } catch {
    // Text that is no JSON is answered below, like JSON that is not what it should be.
  }
  throw mistake(`${file} is damaged: restore it, or move the folder away and a new database is made`);
}
