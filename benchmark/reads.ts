// Reads against the least that Node can do, and the depths of a list against its first page; all asked in turns in one
// run, so that a busy machine hits them alike. The ratios count, not the rates. Bounded in time and count.
//   scripts/node benchmark/reads.ts [--target http://127.0.0.1:8000] [--rounds 8] [--clients 64] [--millis 1000] [--depth 100000]
import { fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "http://127.0.0.1:8000" },
    rounds: { type: "string", default: "8" },
    clients: { type: "string", default: "64" },
    millis: { type: "string", default: "1000" },
    depth: { type: "string", default: "100000" },
    serve: { type: "string" },
  },
});
const rounds = Math.min(Number(values.rounds), 50);
const clients = Math.min(Number(values.clients), 512);
const millis = Math.min(Number(values.millis), 5_000);
const depth = Math.min(Number(values.depth), 1_000_000);
const PAGE = 100;

if (values.serve !== undefined) await serve(Buffer.from(values.serve, "base64"));
else await compare(new URL(values.target));

/** The floor: a constant as long as the body it is compared with, from a process of its own. */
async function serve(body: Buffer): Promise<void> {
  const head = { "content-type": "application/json; charset=utf-8", "content-length": body.length };
  const server = createServer((_request, response) => response.writeHead(200, head).end(body));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  process.send?.(typeof address === "object" ? address?.port : 0);
  process.once("disconnect", () => process.exit(0));
}

async function compare(target: URL): Promise<void> {
  if (!["127.0.0.1", "localhost", "[::1]"].includes(target.hostname)) throw new Error("only a server on this machine");
  const item = await firstItem(target);
  const page = "/api/v1/items?limit=20";
  const floor = await startFloor(await bodyOf(new URL(item, target)));
  const pageFloor = await startFloor(await bodyOf(new URL(page, target)));
  const deep = await cursorAt(target, depth);
  const questions: Record<string, { url: URL; floor: string }> = {
    "raw, an item's bytes": { url: floor.url, floor: "raw, an item's bytes" },
    "one item, hot": { url: new URL(item, target), floor: "raw, an item's bytes" },
    "our constant, /healthz": { url: new URL("/healthz", target), floor: "raw, an item's bytes" },
    "raw, a page's bytes": { url: pageFloor.url, floor: "raw, a page's bytes" },
    "equal pages at the same time": { url: new URL(page, target), floor: "raw, a page's bytes" },
  };
  if (deep !== undefined) {
    const first = await cursorAt(target, PAGE);
    const at = (cursor: string) => new URL(`${page}&cursor=${encodeURIComponent(cursor)}`, target);
    questions["the page after 100 rows"] = { url: at(first ?? deep), floor: "the page after 100 rows" };
    questions[`the page after ${depth} rows`] = { url: at(deep), floor: "the page after 100 rows" };
  }
  try {
    const rates = new Map<string, number[]>(Object.keys(questions).map((name) => [name, []]));
    // The first round warms up.
    for (const { url } of Object.values(questions)) await load(url);
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, { url }] of Object.entries(questions)) rates.get(name)?.push(await load(url));
    }
    report(rates, questions);
  } finally {
    floor.stop();
    pageFloor.stop();
  }
}

async function startFloor(body: string): Promise<{ url: URL; stop(): void }> {
  const child = fork(import.meta.filename, ["--serve", Buffer.from(body).toString("base64")]);
  const [port] = await once(child, "message");
  return { url: new URL(`http://127.0.0.1:${Number(port)}/`), stop: () => child.disconnect() };
}

async function bodyOf(url: URL): Promise<string> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url.pathname} answered ${answer.status}`);
  return await answer.text();
}

async function firstItem(target: URL): Promise<string> {
  const { data } = JSON.parse(await bodyOf(new URL("/api/v1/items?limit=1", target))) as { data: { id: number }[] };
  const [item] = data;
  if (item === undefined) throw new Error("the shop has no item; start it with DEMO=1");
  return `/api/v1/items/${item.id}`;
}

/** Walks so many rows into the list; undefined when it is shorter. */
async function cursorAt(target: URL, rows: number): Promise<string | undefined> {
  let cursor: string | null = null;
  for (let walked = 0; walked < rows; walked += PAGE) {
    const query = `/api/v1/items?limit=${PAGE}${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
    const page = JSON.parse(await bodyOf(new URL(query, target))) as { next_cursor: string | null };
    if (page.next_cursor === null) return undefined;
    cursor = page.next_cursor;
  }
  return cursor ?? undefined;
}

/**
 * Requests a second of so many clients, each on a connection that stays, the next one when the last is answered.
 * Bytes on sockets, because Node's own client costs more than the server under test.
 */
async function load(url: URL): Promise<number> {
  const startedMs = performance.now();
  const deadline = startedMs + millis;
  const counts = await Promise.all(Array.from({ length: clients }, () => oneClient(url, deadline)));
  const answered = counts.reduce((sum, count) => sum + count, 0);
  return (answered * 1_000) / (performance.now() - startedMs);
}

async function oneClient(url: URL, deadline: number): Promise<number> {
  const request = `GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`;
  const socket = connect(Number(url.port), url.hostname.replace(/[[\]]/g, "")).setNoDelay(true);
  await once(socket, "connect");
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let answered = 0;
  const missing = lengthReader(() => {
    answered += 1;
    if (performance.now() < deadline) socket.write(request);
    else finish(socket, resolve, answered);
  }, reject);
  socket.on("data", missing).once("error", reject);
  socket.write(request);
  return await promise;
}

function finish(socket: Socket, resolve: (count: number) => void, answered: number): void {
  socket.destroy();
  resolve(answered);
}

/** Calls `onAnswer` whenever head and body of an answer have arrived. */
function lengthReader(onAnswer: () => void, onMistake: (error: Error) => void): (chunk: Buffer) => void {
  let pending = "";
  let missing = 0;
  return (chunk) => {
    if (missing > 0) {
      missing -= chunk.length;
      if (missing === 0) onAnswer();
      return;
    }
    pending += chunk.toString("latin1");
    const end = pending.indexOf("\r\n\r\n");
    if (end === -1) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(pending)?.[1];
    if (!pending.startsWith("HTTP/1.1 200") || length === undefined) {
      onMistake(new Error(`unexpected answer: ${pending.slice(0, end)}`));
      return;
    }
    missing = end + 4 + Number(length) - pending.length;
    pending = "";
    if (missing === 0) onAnswer();
  };
}

function report(rates: Map<string, number[]>, questions: Record<string, { floor: string }>): void {
  console.log(`${clients} clients, ${rounds} rounds of ${millis} ms each, in turns, node ${process.version}`);
  for (const [name, list] of rates) {
    const floor = rates.get(questions[name]?.floor ?? "") ?? [];
    // Round by round, because what disturbs one question of a round disturbs its neighbour too.
    const ratio = median(list.map((rate, round) => rate / (floor[round] ?? rate)));
    const spread = `${Math.round(Math.min(...list))} to ${Math.round(Math.max(...list))}`;
    console.log(
      `${name.padEnd(30)} ${String(Math.round(median(list))).padStart(6)}/s  (${spread})  ${ratio.toFixed(2)} of ${questions[name]?.floor}`,
    );
  }
}

function median(list: number[]): number {
  return list.toSorted((one, other) => one - other)[Math.floor(list.length / 2)] ?? 0;
}
