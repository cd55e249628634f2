import { type ChildProcess, spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { until } from "#test/until.ts";
import { isAlive } from "#src/platform/processes.ts";

const MAIN = path.resolve(import.meta.dirname, "../src/main.ts");
// A command that should refuse and runs instead must not outlive its test.
/** From an empty folder, on a machine that is busy with other things. */
const STARTED_WITHIN_MS = 60_000;
const COMMAND_LIMIT_MS = 15_000;
// Root's PostgreSQL runs as another user, who has to get through a folder to its own.
const PASSABLE = 0o755;

// Nothing of the tests' own environment, and empty where a developer's `.env` could say something else.
const EMPTY = ["DATABASE_URL", "HOST", "PUBLIC_URL", "NODE_ENV", "SIGNING_KEYS", "TOKEN_SECRET", "METRICS_TOKEN"];
const DEFAULTS = {
  ...Object.fromEntries(EMPTY.map((name) => [name, ""])),
  PORT: "0",
  METRICS_PORT: "0",
  LOG_LEVEL: "info",
  DEMO: "0",
};

export type Finished = { code: number | null; output: string };
export type Shop = AsyncDisposable & {
  pid: number;
  url: string;
  output(): string;
  /** the process number that the newest API or worker wrote into its log */
  pidOf(name: "api" | "worker"): number | undefined;
  signal(signal: NodeJS.Signals): void;
  ended: Promise<number | null>;
};

/** A folder of its own for data; what still runs in it is ended when the test is over. */
export async function createDataDir(): Promise<{ path: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-up-"));
  await chmod(folder, PASSABLE);
  return {
    path: folder,
    async [Symbol.asyncDispose]() {
      const pid = await postgresPid(folder);
      if (pid !== undefined && (await isAlive(pid))) process.kill(pid, "SIGKILL");
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

/** Starts `up` and waits for its box. */
export async function startShop(env: Record<string, string>): Promise<Shop> {
  const { child, output } = run(["up"], env);
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const shop: Shop = {
    pid: child.pid ?? 0,
    url: "",
    output,
    ended,
    pidOf: (name) => {
      const found = output().matchAll(new RegExp(`"process":"${name}","pid":(\\d+)`, "g"));
      const last = [...found].at(-1)?.[1];
      return last === undefined ? undefined : Number(last);
    },
    signal: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      // Its children end by themselves: that is one of the promises under test.
      child.kill("SIGKILL");
      await ended;
    },
  };
  const said = (pattern: RegExp) => () => {
    if (child.exitCode !== null) throw new Error(`'up' ended with ${child.exitCode}:\n${output()}`);
    return pattern.exec(output())?.[1];
  };
  await until(said(/PostgreSQL +(18\S*) (?:runs|adopted)/), output, STARTED_WITHIN_MS);
  const url = await until(said(/API docs +(http\S+)\/docs/), output, STARTED_WITHIN_MS);
  return Object.assign(shop, { url });
}

/** Runs a command to its end, which has to come by itself. */
export async function runCommand(args: string[], env: Record<string, string>): Promise<Finished> {
  const { child, output } = run(args, env);
  const impatience = setTimeout(() => child.kill("SIGTERM"), COMMAND_LIMIT_MS);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(impatience);
  return { code, output: output() };
}

/** The number of the PostgreSQL that runs in a data folder, from its lock file. */
export async function postgresPid(dataDir: string): Promise<number | undefined> {
  const text = await readFile(path.join(dataDir, "postgres", "postmaster.pid"), "utf8").catch(() => "");
  return Number(text.split("\n")[0]) || undefined;
}

function run(args: string[], env: Record<string, string>): { child: ChildProcess; output(): string } {
  const own = { PATH: process.env["PATH"] ?? "", HOME: process.env["HOME"] ?? "" };
  const child = spawn(process.execPath, [MAIN, ...args], {
    env: { ...own, ...DEFAULTS, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text };
}
