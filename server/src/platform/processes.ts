import { execFile } from "node:child_process";
import { readdir, readFile, readlink } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { codeOf } from "./mistake.ts";

const run = promisify(execFile);

/** Whether the process runs. A zombie does not: it holds no port and no file, it only waits for its parent. */
export async function isAlive(pid: number): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
  return (await stateOf(pid)) !== "Z";
}

/** The command line of a process, its arguments joined by blanks; undefined when it is gone or hidden. */
export async function findCommand(pid: number): Promise<string | undefined> {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ").trim() || undefined;
  } catch {
    return await ps("command=", pid);
  }
}

/** A mark that tells a process from a later one with the same number; undefined when it is gone. */
export async function findStartMark(pid: number): Promise<string | undefined> {
  const fields = await statOf(pid);
  return fields === undefined ? await ps("lstart=", pid) : fields[START_TICKS];
}

/** Which process listens on a TCP port, as `node (pid 4711)`; undefined where the system does not tell. */
export async function findListener(port: number): Promise<string | undefined> {
  try {
    const inodes = new Set((await Promise.all(["tcp", "tcp6"].map((table) => listeningInodes(table, port)))).flat());
    if (inodes.size === 0) return undefined;
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    const holders = await Promise.all(pids.map(async (pid) => ((await holdsOne(pid, inodes)) ? pid : undefined)));
    const pid = holders.find((holder) => holder !== undefined);
    if (pid === undefined) return undefined;
    const [program = ""] = (await readFile(`/proc/${pid}/cmdline`, "utf8")).split("\0");
    return `${path.basename(program) || "a process"} (pid ${pid})`;
  } catch {
    return undefined;
  }
}

// Positions after the closing bracket of the command's name in /proc/PID/stat, see proc(5): fields 3 and 22.
const STATE = 0;
const START_TICKS = 19;

async function stateOf(pid: number): Promise<string | undefined> {
  return (await statOf(pid))?.[STATE];
}

async function statOf(pid: number): Promise<string[] | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name in brackets may hold blanks and brackets itself, so that only the last bracket is certain.
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

async function ps(column: string, pid: number): Promise<string | undefined> {
  try {
    return (await run("ps", ["-o", column, "-p", String(pid)])).stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}

const LISTENING = "0A";

async function listeningInodes(table: string, port: number): Promise<string[]> {
  const text = await readFile(`/proc/net/${table}`, "utf8").catch(() => "");
  const rows = text.split("\n").map((line) => line.trim().split(/\s+/));
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  return rows.filter((row) => row[1]?.endsWith(suffix) && row[3] === LISTENING).flatMap((row) => row[9] ?? []);
}

async function holdsOne(pid: string, inodes: Set<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []);
  const links = await Promise.all(names.map((name) => readlink(`${folder}/${name}`).catch(() => "")));
  return links.some((link) => link.startsWith("socket:[") && inodes.has(link.slice("socket:[".length, -1)));
}
