// A server of one's own for a run: started from nothing with demo data, waited for, stopped, and its folder removed.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";

const ROOT = path.resolve(import.meta.dirname, "..");
const HOST = "127.0.0.1";

// A first start makes a database, migrates and seeds it; two busy processors need half a minute for that.
const READY_WITHIN_MS = 120_000;
const BETWEEN_PROBES_MS = 200;
const PROBE_WITHIN_MS = 2000;
// The server promises to stop within 10 s.
const STOPPED_WITHIN_MS = 15_000;
const LOG_TAIL_LINES = 40;

export type OwnServer = { server: ChildProcess; target: string; folder: string; log: string };

/** Starts `up` in a folder of its own; it is not ready yet. */
export async function startServer(): Promise<OwnServer> {
  const [port, metricsPort] = await freePorts(2);
  const folder = mkdtempSync(path.join(tmpdir(), "shopfloor-own-"));
  // As root the database runs as another user, who has to pass through this folder to reach its own.
  chmodSync(folder, 0o755);
  const log = path.join(folder, "server.log");
  const output = openSync(log, "a");
  const server = spawn(process.execPath, [path.join(ROOT, "server/src/main.ts"), "up"], {
    cwd: ROOT,
    stdio: ["ignore", output, output],
    env: {
      ...process.env,
      DATA_DIR: path.join(folder, "data"),
      // Empty is absent, and wins over a `.env` that a developer has.
      DATABASE_URL: "",
      HOST,
      PUBLIC_URL: "",
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
      DEMO: "1",
      ORDER_STREAM_SECONDS: "1",
      NODE_ENV: "development",
    },
  });
  closeSync(output);
  return { server, target: `http://${HOST}:${port}`, folder, log };
}

/** Waits until the server is ready; else says why not. */
export async function findObstacle({ server, target }: OwnServer, stopping: AbortSignal): Promise<string | undefined> {
  const deadline = performance.now() + READY_WITHIN_MS;
  let said = "it did not answer";
  while (performance.now() < deadline) {
    if (stopping.aborted) return "interrupted";
    if (server.exitCode !== null || server.signalCode !== null) {
      return `it ended with ${server.signalCode ?? `code ${server.exitCode}`}`;
    }
    try {
      const signal = AbortSignal.timeout(PROBE_WITHIN_MS);
      const response = await fetch(`${target}/api/v1/health/ready`, { signal });
      said = `it answered ${response.status}: ${(await response.text()).slice(0, 300)}`;
      if (response.ok) return undefined;
    } catch (error) {
      said = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    }
    await pause(BETWEEN_PROBES_MS);
  }
  return `after ${READY_WITHIN_MS / 1000} seconds ${said}`;
}

/** Stops the server and removes its folder. @returns whether it stopped in time; else it was killed */
export async function stopServer({ server, folder }: OwnServer): Promise<boolean> {
  let inTime = true;
  if (server.exitCode === null && server.signalCode === null) {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    inTime = await Promise.race([ended.then(() => true), pause(STOPPED_WITHIN_MS, false, { ref: false })]);
    if (!inTime) {
      console.error(`The server did not stop within ${STOPPED_WITHIN_MS / 1000} seconds and was killed`);
      server.kill("SIGKILL");
      await ended;
    }
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  return inTime;
}

/** What the server itself wrote about errors, which tells why where the one who asked can only tell what. */
export function complaints(file: string): string {
  const lines = readFileSync(file, "utf8").split("\n");
  const bad = lines.filter((line) => /"level":"(error|fatal)"/.test(line)).slice(-LOG_TAIL_LINES);
  return bad.length === 0 ? "The server's log has no error" : `Errors in the server's log:\n${bad.join("\n")}`;
}

/** The end of a file of lines. */
export function tail(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
}

// Held together until all are known, so that no port is given out twice.
async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, HOST);
      await once(server, "listening");
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
}
