import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createClient } from "@redis/client";
import { freePort } from "./free-port.ts";
import { until } from "./until.ts";

/** Whether there is a redis-server to start; where not, tests say `scripts/services/start redis` in their names and are skipped. */
export const hasRedis = spawnSync("redis-server", ["--version"]).status === 0;

const START_ATTEMPTS = 5;

/** A Redis that belongs to one test, so that it can be hurt. */
export type RedisServer = AsyncDisposable & {
  url: string;
  /** SIGKILL; resolves when it is gone */
  kill(): Promise<void>;
  /** an orderly end */
  stop(): Promise<void>;
  /** starts it again at the same port, with what it has kept; resolves when it answers */
  start(): Promise<void>;
  /** forgets everything that it holds */
  flush(): Promise<void>;
};

/** @param options.keeps whether it writes an append-only file; without one it starts again with nothing */
export async function startRedis({ keeps = false } = {}): Promise<RedisServer> {
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-redis-"));
  const { port, server } = await startAnywhere({ folder, keeps });
  const url = `redis://127.0.0.1:${port}`;
  let running = server;
  const end = async (signal: NodeJS.Signals) => {
    if (!isRunning(running)) return;
    const ended = once(running, "exit");
    running.kill(signal);
    await ended;
  };
  return {
    url,
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    async start() {
      running = spawnServer({ folder, keeps }, port);
      if (!(await answers(running))) throw new Error(`redis-server did not start again at port ${port}`);
    },
    async flush() {
      const client = await createClient({ url }).connect();
      await client.flushAll();
      client.destroy();
    },
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

// Between looking for a free port and taking it another process may be first.
async function startAnywhere(data: Data): Promise<{ port: number; server: ChildProcess }> {
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt += 1) {
    const port = await freePort();
    const server = spawnServer(data, port);
    if (await answers(server)) return { port, server };
  }
  throw new Error(`redis-server did not start in ${START_ATTEMPTS} attempts`);
}

type Data = { folder: string; keeps: boolean };

function spawnServer({ folder, keeps }: Data, port: number): ChildProcess {
  // Synced each second, it may hold a write back for two while the disk is busy.
  const data = ["--save", "", "--appendonly", keeps ? "yes" : "no", "--appendfsync", "always", "--dir", folder];
  const settings = ["--bind", "127.0.0.1", "--port", String(port), ...data];
  return spawn("redis-server", settings, { stdio: ["ignore", "pipe", "ignore"] });
}

/** False when it ended instead. */
async function answers(server: ChildProcess): Promise<boolean> {
  let said = "";
  server.stdout?.on("data", (chunk: Buffer) => (said += chunk.toString()));
  await until(() => !isRunning(server) || said.includes("Ready to accept connections"));
  return isRunning(server);
}

function isRunning(server: ChildProcess): boolean {
  return server.exitCode === null && server.signalCode === null;
}
