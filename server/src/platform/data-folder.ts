import { access, constants, mkdir, readdir, stat } from "node:fs/promises";
import path from "node:path";
import { codeOf, mistake } from "./mistake.ts";

// Others may pass through to folders that are theirs, but not list what is here.
const PASSABLE = 0o711;

/** Makes the data folder where it is missing. @throws a mistake when it is somebody else's or cannot be written */
export async function prepareDataDir(dataDir: string): Promise<void> {
  await refuseForeign(dataDir);
  await makeFolder(path.join(dataDir, "logs"));
  await access(dataDir, constants.W_OK).catch((error: unknown) => {
    throw folderMistake(dataDir, error);
  });
}

const OUR_NAMES = /^(postgres|postgres\..*|postgresql-.*|secrets\.json.*|logs|cache|up\.json.*|\..*)$/;
const OUR_PROOF = ["secrets.json", "up.json", path.join("postgres", "shopfloor.json")];

async function refuseForeign(dataDir: string): Promise<void> {
  const names = await readdir(dataDir).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return [];
    throw folderMistake(dataDir, error);
  });
  const strange = names.find((name) => !OUR_NAMES.test(name));
  if (strange === undefined) return;
  const proofs = await Promise.all(OUR_PROOF.map((name) => exists(path.join(dataDir, name))));
  if (proofs.includes(true)) return;
  throw mistake(
    `${dataDir} is not a data folder of Shopfloor (it holds ${strange}): choose an empty or new one with DATA_DIR`,
  );
}

/** Makes a folder and those above it, passable for the user that runs PostgreSQL. */
export async function makeFolder(folder: string): Promise<void> {
  try {
    await makeWithParents(folder);
  } catch (error) {
    throw folderMistake(folder, error);
  }
}

// Node's own recursive mkdir says ENOENT on a read-only disk, and tries for ever where a system makes no folders.
async function makeWithParents(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: PASSABLE });
  } catch (error) {
    if (codeOf(error) === "EEXIST" && (await stat(folder)).isDirectory()) return;
    const parent = path.dirname(folder);
    if (codeOf(error) !== "ENOENT" || parent === folder || (await exists(parent))) throw error;
    await makeWithParents(parent);
    await mkdir(folder, { mode: PASSABLE });
  }
}

/** One line for a folder that the system refuses; an error of another kind comes back as it is. */
export function folderMistake(folder: string, error: unknown): Error {
  const code = codeOf(error);
  const reasons: Record<string, string> = {
    EACCES: "is not yours to write: choose another DATA_DIR or change its owner",
    EPERM: "is not yours to write: choose another DATA_DIR or change its owner",
    EROFS: "lies on a disk that is read-only: choose another DATA_DIR",
    ENOSPC: "lies on a full disk: make room or choose another DATA_DIR",
    EDQUOT: "lies on a disk of which your share is used up: make room or choose another DATA_DIR",
    ENOENT: "lies where no folder can be made: choose another DATA_DIR",
    ENOTDIR: "cannot be a folder, a file is in the way: choose another DATA_DIR",
    EEXIST: "cannot be a folder, a file is in the way: choose another DATA_DIR",
  };
  const reason = code === undefined ? undefined : reasons[code];
  return reason === undefined && error instanceof Error ? error : mistake(`${folder} ${reason}`, error);
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
