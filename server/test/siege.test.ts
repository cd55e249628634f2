import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { performance } from "node:perf_hooks";
import { expect, test } from "vitest";
import { type Edge, startEdge } from "./edge.ts";
import { exchange, HOST, readAll, statusesIn } from "./raw-http.ts";
import { BODIES, LAST, POST, SMUGGLED } from "./smuggled.ts";
import { createDataDir, startShop } from "./shop-process.ts";
import { until } from "./until.ts";

const MIB = 1_024 * 1_024;
const SLOW_SOCKETS = 500;
const QUICK_CLIENTS = 8;
const QUICK_REQUESTS = 50;
const CAP = 20;
const ROUNDS = 40;
const RSS_GROWTH = 1.2;

test("no request hides in another one: as many answers as requests were seen, and the connection is closed", async () => {
  await using edge = await startEdge();
  const port = await edge.port();
  for (const [name, bytes] of SMUGGLED) {
    const { statuses, handled } = await count(edge, port, bytes + LAST);
    expect([name, statuses.length, Math.trunc((statuses[0] ?? 0) / 100)]).toEqual([name, 1, 4]);
    // One whose body breaks off half-way is seen as a request and as something that can't be read.
    expect([name, handled.filter((path) => path !== "unreadable" && path !== "/api/v1/things")]).toEqual([name, []]);
    expect([name, handled.filter((path) => path === "/api/v1/things").length <= 1]).toEqual([name, true]);
  }
});

test("a request inside of a body is a body", async () => {
  await using edge = await startEdge();
  const port = await edge.port();
  for (const [name, bytes] of BODIES) {
    const { statuses, handled } = await count(edge, port, bytes + LAST);
    expect([name, handled.length]).toEqual([name, statuses.length]);
    expect([name, handled.filter((path) => path === "/hidden")]).toEqual([name, []]);
  }
});

test("a body of 1 MiB and a byte is answered 413 and the connection closed, with a length and in chunks", async () => {
  await using edge = await startEdge();
  const port = await edge.port();
  const body = "x".repeat(MIB + 1);
  const withLength = `${POST}Content-Length: ${body.length}\r\n\r\n${body}`;
  const inChunks = `${POST}Transfer-Encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;
  for (const bytes of [withLength, inChunks]) {
    const { statuses, handled } = await count(edge, port, bytes + LAST);
    // A reset may overtake the answer to a client that still writes; what it may not do is get in.
    expect([[], [413]]).toContainEqual(statuses);
    expect(handled).toEqual(["/api/v1/things"]);
  }
});

test("500 slow sockets keep nobody else waiting for an answer, and are hung up", async ({ annotate }) => {
  await using edge = await startEdge();
  const port = await edge.port();
  // The first requests are slower than all others.
  await work(port);
  const aloneMs = await work(port);
  const slow = Array.from({ length: SLOW_SOCKETS }, (_, index) => {
    const socket = connect(port, "127.0.0.1");
    // A socket that is hung up while it writes says so as an error, and then closes like the others.
    const closed = Promise.withResolvers<void>();
    socket
      .on("error", () => undefined)
      .once("close", () => closed.resolve())
      .resume();
    socket.write(index % 2 === 0 ? `GET /healthz HTTP/1.1\r\n${HOST}X: ` : `${POST}Content-Length: 100\r\n\r\n{"a`);
    const trickle = setInterval(() => socket.write("x"), 1_000);
    return closed.promise.finally(() => clearInterval(trickle));
  });
  await until(async () => (await connections(edge)) >= SLOW_SOCKETS);
  const besiegedMs = await work(port);
  expect(await connections(edge)).toBeGreaterThanOrEqual(SLOW_SOCKETS);
  await Promise.all(slow);
  await annotate(`p95 of the others: ${aloneMs.toFixed(1)} ms alone, ${besiegedMs.toFixed(1)} ms besieged`);
});

test("there is a cap on connections; who is above it is hung up, who is below is served", async () => {
  await using edge = await startEdge();
  const port = await edge.port();
  expect(edge.app.server.maxConnections).toBeGreaterThan(SLOW_SOCKETS);
  edge.app.server.maxConnections = CAP;
  const sockets = Array.from({ length: CAP }, () => connect(port, "127.0.0.1").on("error", () => undefined));
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  await until(async () => (await connections(edge)) === CAP);
  expect(await exchange(port, LAST)).toBe("");
  const [first] = sockets;
  if (first === undefined) throw new Error("no socket");
  first.write(LAST);
  expect(statusesIn(await readAll(first))).toEqual([200]);
  await until(async () => (await connections(edge)) === CAP - 1);
  expect(statusesIn(await exchange(port, LAST))).toEqual([200]);
  for (const socket of sockets) socket.destroy();
});

test.runIf(process.platform === "linux")("memory is given back after hostile input", async ({ annotate }) => {
  await using dataDir = await createDataDir();
  await using shop = await startShop({ DATA_DIR: dataDir.path, LOG_LEVEL: "info" });
  const port = Number(new URL(shop.url).port);
  const pid = await until(() => shop.pidOf("api"), shop.output);
  const attack = async () => {
    const hostile = [...SMUGGLED, ...BODIES].map(([, bytes]) => exchange(port, bytes + LAST));
    const deep = "[".repeat(30_000) + "]".repeat(30_000);
    const bodies = [deep, '{"__proto__": {"polluted": 1}}', `"${"x".repeat(60_000)}"`, "x".repeat(MIB + 1)];
    const large = bodies.map((body) => exchange(port, `${POST}Content-Length: ${body.length}\r\n\r\n${body}${LAST}`));
    await Promise.all([...hostile, ...large]);
  };
  // What a process takes once for all is not what it loses.
  for (let round = 0; round < ROUNDS; round += 1) await attack();
  const before = await rssOf(pid);
  for (let round = 0; round < ROUNDS; round += 1) await attack();
  const after = await until(async () => {
    const rss = await rssOf(pid);
    return rss <= before * RSS_GROWTH ? rss : undefined;
  });
  await annotate(`${Math.round(before / MIB)} MiB before, ${Math.round(after / MIB)} MiB after`);
  expect(statusesIn(await exchange(port, LAST))).toEqual([200]);
});

/** Asks and is answered 200 each time. @returns the 95th percentile of the waiting, in milliseconds */
async function work(port: number): Promise<number> {
  const latencies: number[] = [];
  const client = async () => {
    for (let turn = 0; turn < QUICK_REQUESTS; turn += 1) {
      const startedMs = performance.now();
      expect(statusesIn(await exchange(port, LAST))).toEqual([200]);
      latencies.push(performance.now() - startedMs);
    }
  };
  await Promise.all(Array.from({ length: QUICK_CLIENTS }, client));
  return latencies.toSorted((one, other) => one - other)[Math.floor(latencies.length * 0.95)] ?? 0;
}

/** What came back, and the paths of the requests that the server says it has seen. */
async function count(edge: Edge, port: number, bytes: string): Promise<{ statuses: number[]; handled: string[] }> {
  const from = edge.lines.length;
  const statuses = statusesIn(await exchange(port, bytes));
  const seen = () => edge.lines.slice(from).filter((line) => line["status"] !== undefined);
  await until(() => seen().length >= Math.max(1, statuses.length));
  return { statuses, handled: seen().map((line) => (line["path"] as string | undefined) ?? "unreadable") };
}

function connections(edge: Edge): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  edge.app.server.getConnections((error, open) => (error === null ? resolve(open) : reject(error)));
  return promise;
}

async function rssOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1_024;
}
