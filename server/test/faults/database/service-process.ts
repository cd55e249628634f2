import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { generateKeys } from "#src/platform/security/secrets.ts";
import { until } from "#test/until.ts";

const MAIN = path.resolve(import.meta.dirname, "../../../src/main.ts");
const keys = generateKeys();

/** An API or worker as production runs it: one process of its own, on the database of its environment. */
export type Service = AsyncDisposable & {
  pid: number;
  /** where it answers: the API's address, or the worker's health and metrics */
  url: string;
  output(): string;
  /** the exit code or signal; undefined while it runs */
  ended(): string | undefined;
};

/**
 * Starts `api` or `worker` (or another entry point of the same command line) and waits until its port answers.
 * @param settings.logFile where its standard output goes, appended; else it is kept here
 */
export async function startService(
  name: "api" | "worker",
  settings: { databaseUrl: string; env?: Record<string, string>; main?: string; logFile?: string },
): Promise<Service> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "shopfloor-service-"));
  const { logFile } = settings;
  const log = logFile === undefined ? undefined : await open(logFile, "a");
  const child = spawn(process.execPath, [settings.main ?? MAIN, name], {
    env: {
      PATH: process.env["PATH"] ?? "",
      NODE_ENV: "test",
      DATA_DIR: dataDir,
      DATABASE_URL: settings.databaseUrl,
      PORT: "0",
      METRICS_PORT: "0",
      RATE_LIMIT_SCALE: "1000000",
      ...(await keys),
      ...settings.env,
    },
    stdio: ["ignore", log?.fd ?? "pipe", "pipe"],
  });
  await log?.close();
  const { output: said, ended } = watch(child);
  const output = () => (logFile === undefined ? said() : readFileSync(logFile, "utf8") + said());
  const stop = async () => {
    child.kill("SIGKILL");
    await until(() => ended() !== undefined);
    await rm(dataDir, { recursive: true, force: true });
  };
  try {
    const pattern = name === "api" ? /"url":"([^"]+)","msg":"listening"/ : /"status":"(http[^"]+)","msg":"alive"/;
    const url = await until(() => {
      if (ended() !== undefined) throw new Error(`'${name}' ended with ${ended()}:\n${output()}`);
      return pattern.exec(output())?.[1];
    }, output);
    return { pid: child.pid ?? 0, url, output, ended, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Runs `migrate up` of this or other code; `done` gives its exit code or signal. */
export function startMigrate(
  databaseUrl: string,
  main: string = MAIN,
): { output(): string; done: Promise<string>; kill(): void } {
  const env = { PATH: process.env["PATH"] ?? "", DATABASE_URL: databaseUrl };
  const child = spawn(process.execPath, [main, "migrate", "up"], { env, stdio: ["ignore", "pipe", "pipe"] });
  const { output } = watch(child);
  const done = new Promise<string>((resolve) =>
    child.once("close", (code, signal) => resolve(signal ?? `code ${code}`)),
  );
  return { output, done, kill: () => child.kill("SIGKILL") };
}

function watch(child: ChildProcess): { output(): string; ended(): string | undefined } {
  let text = "";
  let ending: string | undefined;
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (text += chunk.toString()));
  child.once("exit", (code, signal) => (ending = signal ?? `code ${code}`));
  child.once("error", (error) => (ending = error.message));
  return { output: () => text, ended: () => ending };
}
