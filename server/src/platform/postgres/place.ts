import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readdir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { codeOf, mistake } from "../mistake.ts";

const run = promisify(execFile);

/** Where the cluster and copied binaries lie when the user that runs PostgreSQL cannot enter the checkout. */
export const SHARED_FOLDER = "/var/lib/shopfloor";
const SYSTEM_USER = "postgres";
const HASH_LENGTH = 12;
// Others may pass through to folders that are theirs, but not list what is here.
const PASSABLE = 0o711;

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
  await refuseForeign(dataDir);
  await makeFolder(dataDir);
  const found = await findPlace(dataDir);
  if (found !== undefined) {
    await makeFolder(path.dirname(found.logFile));
    return found;
  }
  const resolved = await realpathOf(dataDir);
  const owner = isRoot() ? await getSystemUser() : undefined;
  const [local, shared] = clustersOf(resolved).toReversed();
  const cluster = owner === undefined || (await canEnter(owner, resolved)) ? local : shared;
  if (cluster === undefined) throw new Error("no place for a cluster");
  await makeFolder(path.dirname(cluster));
  const place = { ...placeOf(resolved, cluster), owner };
  await makeFolder(path.dirname(place.logFile));
  return place;
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

const OUR_NAMES = /^(postgres|postgres\..*|postgresql-.*|secrets\.json.*|logs|up\.json.*|\..*)$/;
const OUR_PROOF = ["secrets.json", "up.json", path.join("postgres", "shopfloor.json")];

async function refuseForeign(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return [];
    throw unusable(dataDir, error);
  });
  const strange = names.find((name) => !OUR_NAMES.test(name));
  if (strange === undefined) return;
  const proofs = await Promise.all(OUR_PROOF.map((name) => exists(path.join(dataDir, name))));
  if (proofs.includes(true)) return;
  throw mistake(
    `${dataDir} is not a data folder of Shopfloor (it holds ${strange}): choose an empty or new one with DATA_DIR`,
  );
}

async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: PASSABLE }).catch((error: unknown) => {
    throw unusable(folder, error);
  });
}

/** One line for a folder that the system refuses. */
function unusable(folder: string, error: unknown): Error {
  const code = codeOf(error);
  const reasons: Record<string, string> = {
    EACCES: "is not yours to write: choose another DATA_DIR or change its owner",
    EPERM: "is not yours to write: choose another DATA_DIR or change its owner",
    EROFS: "lies on a disk that is read-only: choose another DATA_DIR",
    ENOSPC: "lies on a full disk: make room or choose another DATA_DIR",
    EDQUOT: "lies on a disk of which your share is used up: make room or choose another DATA_DIR",
    ENOTDIR: "cannot be a folder, a file is in the way: choose another DATA_DIR",
    EEXIST: "cannot be a folder, a file is in the way: choose another DATA_DIR",
  };
  const reason = code === undefined ? undefined : reasons[code];
  return reason === undefined && error instanceof Error ? error : mistake(`${folder} ${reason}`, error);
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

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
