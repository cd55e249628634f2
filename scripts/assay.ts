// Starts our own server from nothing, holds it to the features of Assay, and stops it:
//   scripts/node scripts/assay.ts [--json FILE] [any option of `assay run`]
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

type Own = { server: ChildProcess; target: string; folder: string; log: string };

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());

process.exitCode = await main(process.argv.slice(2));

async function main(options: string[]): Promise<number> {
  const own = await start();
  try {
    const obstacle = await findObstacle(own);
    if (obstacle !== undefined) {
      console.error(`The server did not become ready: ${obstacle}\n${tail(own.log)}`);
      return 2;
    }
    const code = await examine(own.target, options);
    if (own.server.exitCode !== null) {
      console.error(`The server ended by itself with code ${own.server.exitCode}\n${tail(own.log)}`);
      return code || 1;
    }
    if (code !== 0) console.error(complaints(own.log));
    return code;
  } finally {
    await stop(own);
  }
}

async function start(): Promise<Own> {
  const [port, metricsPort] = await freePorts(2);
  const folder = mkdtempSync(path.join(tmpdir(), "shopfloor-assay-"));
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
      NODE_ENV: "development",
    },
  });
  closeSync(output);
  return { server, target: `http://${HOST}:${port}`, folder, log };
}

/** Waits until the server is ready; else says why not. */
async function findObstacle({ server, target }: Own): Promise<string | undefined> {
  const deadline = performance.now() + READY_WITHIN_MS;
  let said = "it did not answer";
  while (performance.now() < deadline) {
    if (stopping.signal.aborted) return "interrupted";
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

async function examine(target: string, options: string[]): Promise<number> {
  const {
    ASSAY_STAFF_EMAIL: _staff,
    ASSAY_STAFF_PASSWORD: _staffPassword,
    ASSAY_ADMIN_EMAIL: _admin,
    ASSAY_ADMIN_PASSWORD: _adminPassword,
    ...env
  } = process.env;
  const arguments_ = [path.join(ROOT, "assay/src/cli.ts"), "run", "--target", target, ...options];
  const assay = spawn(process.execPath, arguments_, { stdio: "inherit", env });
  const end = once(assay, "exit");
  const interrupt = () => assay.kill("SIGTERM");
  stopping.signal.addEventListener("abort", interrupt, { once: true });
  const [code] = await end;
  return typeof code === "number" ? code : 2;
}

async function stop({ server, folder }: Own): Promise<void> {
  if (server.exitCode === null && server.signalCode === null) {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    const late = await Promise.race([ended.then(() => false), pause(STOPPED_WITHIN_MS, true, { ref: false })]);
    if (late) {
      console.error(`The server did not stop within ${STOPPED_WITHIN_MS / 1000} seconds and was killed`);
      process.exitCode = 1;
      server.kill("SIGKILL");
      await ended;
    }
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
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

/** What the server itself wrote about errors, which tells why where Assay can only tell what. */
function complaints(file: string): string {
  const lines = readFileSync(file, "utf8").split("\n");
  const bad = lines.filter((line) => /"level":"(error|fatal)"/.test(line)).slice(-LOG_TAIL_LINES);
  return bad.length === 0 ? "The server's log has no error" : `Errors in the server's log:\n${bad.join("\n")}`;
}

function tail(file: string): string {
  return readFileSync(file, "utf8").trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
}
