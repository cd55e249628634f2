import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { startEdge } from "./edge.ts";
import { freePort } from "./free-port.ts";
import { exchange, HOST, statusesIn } from "./raw-http.ts";
import { BODIES, LAST, SMUGGLED } from "./smuggled.ts";
import { until } from "./until.ts";

const hasNginx = spawnSync("nginx", ["-v"]).status === 0;
const START_ATTEMPTS = 5;
const VICTIMS = 4;
test.skipIf(!hasNginx)(
  "behind nginx no request hides in another one, and nobody gets the answer of somebody else (apt-get install nginx-light brings this test)",
  async () => {
    await using edge = await startEdge();
    await using gateway = await startGateway(await edge.port());
    for (const [name, bytes] of [...SMUGGLED, ...BODIES]) {
      const from = edge.lines.length;
      const answered = statusesIn(await exchange(gateway.port, bytes + LAST)).length;
      // They share nginx's connections to the server with whatever the attack has left there.
      const victims = Array.from({ length: VICTIMS }, (_, nth) => `victim-${nth}`);
      const received = await Promise.all(victims.map((id) => exchange(gateway.port, requestOf(id))));
      expect([name, received.map(correlationIn)]).toEqual([name, victims]);
      expect([name, received.map((answer) => statusesIn(answer))]).toEqual([name, victims.map(() => [200])]);
      const seen = () => edge.lines.slice(from).filter((line) => line["status"] !== undefined);
      await until(() => victims.every((id) => seen().some((line) => line["correlation_id"] === id)));
      // Each answer is one request that nginx has read; behind it there must not be one more.
      expect([name, seen().length - VICTIMS <= answered]).toEqual([name, true]);
    }
  },
);

const requestOf = (id: string) =>
  `GET /healthz HTTP/1.1\r\n${HOST}X-Correlation-ID: ${id}\r\nConnection: close\r\n\r\n`;

const correlationIn = (answer: string) => /x-correlation-id: (\S+)/i.exec(answer)?.[1];

/** nginx as most people put it before a server: it keeps its connections open and sends many clients over one. */
async function startGateway(backend: number): Promise<{ port: number } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-nginx-"));
  for (let attempt = 1; attempt <= START_ATTEMPTS; attempt += 1) {
    const port = await freePort();
    await writeFile(path.join(folder, "nginx.conf"), configOf(folder, port, backend));
    const nginx = spawn("nginx", ["-p", folder, "-c", path.join(folder, "nginx.conf"), "-e", "stderr"], {
      stdio: "ignore",
    });
    if (await answers(nginx, port)) return { port, [Symbol.asyncDispose]: () => stop(nginx, folder) };
  }
  throw new Error("nginx does not start");
}

function configOf(folder: string, port: number, backend: number): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  return `
    daemon off; master_process off; pid ${folder}/pid; error_log stderr crit;
    events { worker_connections 256; }
    http {
      access_log off; ${temporary.join(" ")}
      upstream shop { server 127.0.0.1:${backend}; keepalive 2; }
      server {
        listen 127.0.0.1:${port};
        location / { proxy_pass http://shop; proxy_http_version 1.1; proxy_set_header Connection ""; }
      }
    }`;
}

async function answers(nginx: ChildProcess, port: number): Promise<boolean> {
  return await until(async () => {
    if (nginx.exitCode !== null) return "ended";
    return statusesIn(await exchange(port, LAST)).length > 0 ? "answers" : undefined;
  }).then((state) => state === "answers");
}

async function stop(nginx: ChildProcess, folder: string): Promise<void> {
  const ended = once(nginx, "exit");
  nginx.kill("SIGTERM");
  await ended;
  await rm(folder, { recursive: true, force: true });
}
