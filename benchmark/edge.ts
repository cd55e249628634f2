// What the edge costs: raw node:http with a constant, our own constant route, and one item, asked in turns so that a
// busy machine hits all three alike. The ratios count, not the rates. Bounded in time and count.
//   scripts/node benchmark/edge.ts [--target http://127.0.0.1:8000] [--rounds 8] [--clients 32] [--millis 500]
import { Agent, createServer, request } from "node:http";
import { once } from "node:events";
import { fork } from "node:child_process";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "http://127.0.0.1:8000" },
    rounds: { type: "string", default: "8" },
    clients: { type: "string", default: "32" },
    millis: { type: "string", default: "500" },
    serve: { type: "boolean", default: false },
  },
});
const rounds = Math.min(Number(values.rounds), 50);
const clients = Math.min(Number(values.clients), 256);
const millis = Math.min(Number(values.millis), 5_000);
const CONSTANT = JSON.stringify({ status: "ok" });
const HEAD = { "content-type": "application/json; charset=utf-8", "content-length": Buffer.byteLength(CONSTANT) };

if (values.serve) await serve();
else await compare(new URL(values.target));

/** The floor: the least that Node can do for a request. A process of its own, as the server is one. */
async function serve(): Promise<void> {
  const server = createServer((_request, response) => response.writeHead(200, HEAD).end(CONSTANT));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  process.send?.(typeof address === "object" ? address?.port : 0);
  process.once("disconnect", () => process.exit(0));
}

async function compare(target: URL): Promise<void> {
  if (!["127.0.0.1", "localhost", "[::1]"].includes(target.hostname)) throw new Error("only a server on this machine");
  const raw = fork(import.meta.filename, ["--serve"]);
  try {
    const [port] = await once(raw, "message");
    const item = await firstItem(target);
    const asked = {
      "raw node:http": new URL(`http://127.0.0.1:${Number(port)}/`),
      "our constant, /healthz": new URL("/healthz", target),
      "one item": new URL(item, target),
    };
    const rates = new Map<string, number[]>(Object.keys(asked).map((name) => [name, []]));
    // The first round warms up.
    for (const url of Object.values(asked)) await load(url);
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, url] of Object.entries(asked)) rates.get(name)?.push(await load(url));
    }
    report(rates);
  } finally {
    raw.disconnect();
  }
}

async function firstItem(target: URL): Promise<string> {
  const answer = await fetch(new URL("/api/v1/items?limit=1", target));
  const { data } = (await answer.json()) as { data: { id: number }[] };
  const [item] = data;
  if (item === undefined) throw new Error("the shop has no item; start it with DEMO=1");
  return `/api/v1/items/${item.id}`;
}

/** Requests a second of so many clients on connections that stay. */
async function load(url: URL): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const startedMs = performance.now();
  const deadline = startedMs + millis;
  let answered = 0;
  const client = async () => {
    for (; performance.now() < deadline; answered += 1) await get(url, agent);
  };
  await Promise.all(Array.from({ length: clients }, client));
  agent.destroy();
  return (answered * 1_000) / (performance.now() - startedMs);
}

function get(url: URL, agent: Agent): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const sent = request(url, { agent }, (response) => {
    response.resume().once("end", resolve);
    if (response.statusCode !== 200) reject(new Error(`${url.pathname} answered ${response.statusCode}`));
  });
  sent.once("error", reject);
  sent.end();
  return promise;
}

function report(rates: Map<string, number[]>): void {
  const floor = median(rates.get("raw node:http") ?? []);
  console.log(`${clients} clients, ${rounds} rounds of ${millis} ms each, in turns, node ${process.version}`);
  for (const [name, list] of rates) {
    const middle = median(list);
    const percent = Math.round((middle / floor) * 100);
    console.log(`${name.padEnd(24)} ${String(Math.round(middle)).padStart(6)}/s  ${percent} % of the floor`);
  }
}

function median(list: number[]): number {
  return list.toSorted((one, other) => one - other)[Math.floor(list.length / 2)] ?? 0;
}
