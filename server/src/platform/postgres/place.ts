import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { makeFolder, prepareDataDir } from "../data-folder.ts";
import { codeOf, mistake } from "../mistake.ts";

const run = promisify(execFile);

/** Where the cluster and copied binaries lie when the user that runs PostgreSQL cannot enter the checkout. */
export const SHARED_FOLDER = "/var/lib/shopfloor";
const SYSTEM_USER = "postgres";
const HASH_LENGTH = 12;

export type Owner = { uid: number; gid: number };

/** Where PostgreSQL's files lie, and who runs it: `owner` is set for root only, whom PostgreSQL refuses. */
export type Place = { dataDir: string; cluster: string; logFile: string; owner: Owner | undefined };

/** The cluster that belongs to a data folder, wherever it lies; undefined when there is none yet. Changes nothing. */
export async function findPlace(dataDir: string): Promise<Place | undefined> {
  const resolved = await realpathOf(dataDir);
  for (const cluster of clustersOf(resolved)) {
    if (await isAbsent(cluster)) continue;
    return { ...placeOf(resolved, cluster), owner: await ownerOf(cluster) };
  }
  return undefined;
}

/** Like `findPlace`, but decides where a new cluster goes and makes the folders above it. */
export async function choosePlace(dataDir: string): Promise<Place> {
  await prepareDataDir(dataDir);
  const found = await findPlace(dataDir);
  if (found !== undefined) return found;
  const resolved = await realpathOf(dataDir);
  const owner = isRoot() ? await getSystemUser() : undefined;
  const [local, shared] = clustersOf(resolved).toReversed();
  const cluster = owner === undefined || (await canEnter(owner, resolved)) ? local : shared;
  if (cluster === undefined) throw new Error("no place for a cluster");
  await makeFolder(path.dirname(cluster));
  return { ...placeOf(resolved, cluster), owner };
}

/** Whether a user gets into a folder, tried rather than computed: access lists and name spaces have a say too. */
export async function canEnter(owner: Owner, folder: string): Promise<boolean> {
  return await succeeds('cd -- "$1"', folder, owner);
}

/** Whether a user may execute a file. */
export async function canExecute(owner: Owner, file: string): Promise<boolean> {
  return await succeeds('test -x "$1" && test -r "$1"', file, owner);
}

function placeOf(dataDir: string, cluster: string) {
  return { dataDir, cluster, logFile: path.join(dataDir, "logs", "postgres.log") };
}

/** Where a cluster may lie; the shared folder first, so that a checkout which is opened later keeps its data. */
function clustersOf(dataDir: string): string[] {
  const local = path.join(dataDir, "postgres");
  if (!isRoot()) return [local];
  const hash = createHash("sha256").update(dataDir).digest("hex").slice(0, HASH_LENGTH);
  return [path.join(SHARED_FOLDER, hash, "postgres"), local];
}

/** An empty folder counts as absent: clusters are moved into their place when they are complete. */
async function isAbsent(cluster: string): Promise<boolean> {
  try {
    return (await readdir(cluster)).length === 0;
  } catch (error) {
    return codeOf(error) === "ENOENT";
  }
}

async function ownerOf(cluster: string): Promise<Owner | undefined> {
  const { uid, gid } = await stat(cluster);
  if (!isRoot()) {
    if (process.getuid === undefined || process.getuid() === uid) return undefined;
    throw mistake(`${cluster} belongs to another user (uid ${uid}): run as that user, or choose another DATA_DIR`);
  }
  if (uid === 0) {
    const wayOut = `chown -R ${SYSTEM_USER} ${cluster}`;
    throw mistake(`${cluster} belongs to root, as whom PostgreSQL refuses to run: ${wayOut}`);
  }
  if (await canEnter({ uid, gid }, cluster)) return { uid, gid };
  const wayOut = "chmod o+x the folders above it, or choose another DATA_DIR";
  throw mistake(`the user that owns ${cluster} (uid ${uid}) cannot get into it: ${wayOut}`);
}

/** The system user for PostgreSQL, made when it is missing; root only. */
async function getSystemUser(): Promise<Owner> {
  const found = await findSystemUser();
  if (found !== undefined) return found;
  try {
    await run("useradd", ["--system", "--user-group", "--no-create-home", SYSTEM_USER], { cwd: "/" });
  } catch (error) {
    const wayOut = `add one (useradd --system ${SYSTEM_USER}) or run as another user than root`;
    throw mistake(`PostgreSQL refuses to run as root and there is no user '${SYSTEM_USER}': ${wayOut}`, error);
  }
  const made = await findSystemUser();
  if (made === undefined) throw mistake(`the user '${SYSTEM_USER}' was added but cannot be found`);
  return made;
}

async function findSystemUser(): Promise<Owner | undefined> {
  try {
    const { stdout } = await run("/bin/sh", ["-c", `id -u ${SYSTEM_USER} && id -g ${SYSTEM_USER}`], { cwd: "/" });
    const [uid, gid] = stdout.trim().split("\n").map(Number);
    return uid === undefined || gid === undefined ? undefined : { uid, gid };
  } catch {
    return undefined;
  }
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

async function succeeds(script: string, argument: string, owner: Owner): Promise<boolean> {
  try {
    await run("/bin/sh", ["-c", script, "sh", argument], { ...owner, cwd: "/" });
    return true;
  } catch {
    return false;
  }
}

async function realpathOf(folder: string): Promise<string> {
  return await realpath(folder).catch(() => path.resolve(folder));
}
