// Orders per second, accepted and reserved, of a running shop on this machine. Bounded in time and count.
//   scripts/node benchmark/orders.ts [--target http://127.0.0.1:8000] [--seconds 10] [--clients 64] [--products 1]
import { Agent, request } from "node:http";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "http://127.0.0.1:8000" },
    seconds: { type: "string", default: "10" },
    clients: { type: "string", default: "64" },
    products: { type: "string", default: "1" },
  },
});
const seconds = Math.min(Number(values.seconds), 60);
const clients = Math.min(Number(values.clients), 512);
const products = Math.min(Number(values.products), 100);
const target = new URL(values.target);
if (!["127.0.0.1", "localhost", "[::1]"].includes(target.hostname)) throw new Error("only a server on this machine");

const SETTLE_SECONDS = 60;
const LOOK_EVERY_MS = 50;
const agent = new Agent({ keepAlive: true, maxSockets: clients });
type Answer = { status: number; body: Record<string, unknown> };

const staff = await logIn("staff@shopfloor.example", "shopfloor-staff");
const stocked = await Promise.all(
  Array.from({ length: products }, async (_, index) => {
    const product = { name: `Benchmark ${index}`, price_cents: 100, stock: 100_000_000 };
    return Number((await send("POST", "/api/v2/products", staff, product)).body["id"]);
  }),
);
const startedAt = performance.now();
const deadline = startedAt + seconds * 1_000;
const latencies: number[] = [];
let refused = 0;
let turn = 0;
await Promise.all(Array.from({ length: clients }, buy));
const placedMs = performance.now() - startedAt;
await settled();
const reservedMs = performance.now() - startedAt;
latencies.sort((one, other) => one - other);

console.log(`${clients} clients, ${products} product(s), ${seconds} s, node ${process.version}`);
console.log(`accepted  ${latencies.length} orders, ${rate(latencies.length, placedMs)}/s, refused ${refused}`);
console.log(
  `reserved  ${rate(latencies.length, reservedMs)}/s, the last one ${Math.round(reservedMs - placedMs)} ms after the load ended`,
);
console.log(`answer    p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms`);
agent.destroy();

async function buy(): Promise<void> {
  while (performance.now() < deadline) {
    const items = [{ product_id: stocked[turn++ % stocked.length], quantity: 1 }];
    const sentAt = performance.now();
    const { status } = await send("POST", "/api/v2/orders", staff, { items });
    if (status === 202) latencies.push(performance.now() - sentAt);
    else refused += 1;
  }
}

async function settled(): Promise<void> {
  for (const end = performance.now() + SETTLE_SECONDS * 1_000; performance.now() < end;) {
    const { body } = await send("GET", "/api/v2/orders?status=pending&limit=1", staff);
    if (Array.isArray(body["data"]) && body["data"].length === 0) return;
    await setTimeout(LOOK_EVERY_MS);
  }
  throw new Error(`orders are still pending ${SETTLE_SECONDS} s after the load`);
}

async function logIn(email: string, password: string): Promise<string> {
  const { status, body } = await send("POST", "/api/v1/users/login", undefined, { email, password });
  if (status !== 200) throw new Error(`cannot log in as ${email}: ${status} ${JSON.stringify(body)}`);
  return String(body["access_token"]);
}

function send(method: string, path: string, token?: string, body?: unknown): Promise<Answer> {
  const headers: Record<string, string> = {};
  if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
  const payload = body === undefined ? undefined : JSON.stringify(body);
  if (payload !== undefined) headers["content-type"] = "application/json";
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, target), { method, headers, agent }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => {
        const text = Buffer.concat(parts).toString();
        resolve({ status: response.statusCode ?? 0, body: text === "" ? {} : (JSON.parse(text) as Answer["body"]) });
      });
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(payload);
  });
}

function rate(count: number, ms: number): string {
  return String(Math.round((count * 1_000) / ms));
}

function at(quantile: number): string {
  return (latencies[Math.floor(latencies.length * quantile)] ?? 0).toFixed(1);
}
