import { spawn } from "node:child_process";
import { chmod, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { freePort } from "../free-port.ts";

const RUNNERS = path.resolve(import.meta.dirname, "../../../scripts/services/java");
/** A Java server on a busy machine takes its time. */
const READY_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 100;
// An Elasticsearch that root starts runs as another user, who has to get through the folder to its own.
const PASSABLE = 0o755;

export type EngineProcess = AsyncDisposable & {
  url: string;
  /** starts it, again on the same data and port, and resolves when it answers */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): Promise<void>;
};

/** Whether a search engine has its shards: it answers before that. */
const SHARDS_ARE_THERE = "/_cluster/health?wait_for_status=yellow&timeout=1s";

/**
 * A Java server that a test may kill: a process of its own, from what `scripts/services/start` has installed.
 * @param health the path that answers 200 when it is ready
 */
export async function prepareEngine(service: string, home: string, health = SHARDS_ARE_THERE): Promise<EngineProcess> {
  const folder = await mkdtemp(path.join(tmpdir(), `shopfloor-${service}-`));
  await chmod(folder, PASSABLE);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const pid = async () => Number(await readFile(path.join(folder, "pid"), "utf8").catch(() => "")) || undefined;
  const signal = async (name: NodeJS.Signals) => {
    const running = await pid();
    if (running !== undefined) process.kill(running, name);
  };
  return {
    url,
    signal,
    async start() {
      const script = path.join(RUNNERS, `run-${service}`);
      spawn(script, [home, folder, String(port)], { stdio: "ignore", detached: true }).unref();
      const deadline = performance.now() + READY_WITHIN_MS;
      while (!(await isReady(url + health))) {
        if (performance.now() > deadline) throw new Error(`${service} does not answer at ${url}`);
        await setTimeout(LOOK_EVERY_MS);
      }
    },
    async [Symbol.asyncDispose]() {
      await signal("SIGKILL").catch(() => undefined);
      await rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: LOOK_EVERY_MS });
    },
  };
}

async function isReady(url: string): Promise<boolean> {
  const answer = await fetch(url).catch(() => undefined);
  return answer?.ok === true;
}
