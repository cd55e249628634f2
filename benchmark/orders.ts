// Orders per second, accepted and reserved, and how long one waits for its stock. Bounded in time and count.
//   scripts/node benchmark/orders.ts [--target http://127.0.0.1:8000] [--seconds 10] [--clients 64] [--products 1]
// With --messaging postgres|rabbitmq|redis|sqs it starts a shop of its own on that engine, whose address is in the
// environment (scripts/services/start says it), and stops it.
import { Agent, request } from "node:http";
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { findObstacle, startServer, stopServer, tail } from "../scripts/own-server.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "http://127.0.0.1:8000" },
    messaging: { type: "string" },
    seconds: { type: "string", default: "10" },
    clients: { type: "string", default: "64" },
    products: { type: "string", default: "1" },
  },
});
const seconds = Math.min(Number(values.seconds), 60);
const clients = Math.min(Number(values.clients), 512);
const products = Math.min(Number(values.products), 100);

const SETTLE_SECONDS = 60;
const LOOK_EVERY_MS = 50;
const LONE_ORDERS = 100;
const LONE_LOOK_EVERY_MS = 1;
const SAMPLED_OF = 20;
const SAMPLES = 500;
const agent = new Agent({ keepAlive: true, maxSockets: clients });
type Answer = { status: number; body: Record<string, unknown> };

if (values.messaging !== undefined) process.env["MESSAGING"] = values.messaging;
const own = values.messaging === undefined ? undefined : await startServer();
const target = new URL(own?.target ?? values.target);
if (!["127.0.0.1", "localhost", "[::1]"].includes(target.hostname)) throw new Error("only a server on this machine");
try {
  const obstacle = own && (await findObstacle(own, new AbortController().signal));
  if (obstacle !== undefined) throw new Error(`the shop does not start, ${obstacle}:\n${tail(own?.log ?? "")}`);
  await measure();
} finally {
  agent.destroy();
  if (own !== undefined) await stopServer(own);
}

async function measure(): Promise<void> {
  const staff = await logIn("staff@shopfloor.example", "shopfloor-staff");
  const stocked = await Promise.all(
    Array.from({ length: products }, async (_, index) => {
      const product = { name: `Benchmark ${index}`, price_cents: 100, stock: 100_000_000 };
      return Number((await send("POST", "/api/v2/products", staff, product)).body["id"]);
    }),
  );
  const [first = 0] = stocked;
  const lone: number[] = [];
  for (let nth = 0; nth < LONE_ORDERS; nth += 1) lone.push(await waitAlone(staff, first));

  const startedAt = performance.now();
  const shoppers = { staff, stocked, deadline: startedAt + seconds * 1_000, turn: 0, refused: 0 };
  const [latencies, sampled]: [number[], number[]] = [[], []];
  await Promise.all(Array.from({ length: clients }, () => buy(shoppers, latencies, sampled)));
  const placedMs = performance.now() - startedAt;
  await settled(staff);
  const reservedMs = performance.now() - startedAt;
  const waits = await Promise.all(sampled.slice(0, SAMPLES).map((id) => waitOf(staff, id)));

  const engine = values.messaging === undefined ? "" : `${values.messaging}, `;
  console.log(`${engine}${clients} clients, ${products} product(s), ${seconds} s, node ${process.version}`);
  console.log(
    `accepted  ${latencies.length} orders, ${rate(latencies.length, placedMs)}/s, refused ${shoppers.refused}`,
  );
  console.log(
    `reserved  ${rate(latencies.length, reservedMs)}/s, the last one ${Math.round(reservedMs - placedMs)} ms after the load ended`,
  );
  console.log(`answer    ${quantiles(latencies)}`);
  console.log(`reserved after, under this load (by the times in its history): ${quantiles(waits)}`);
  console.log(`reserved after, one order at a time (as its buyer sees it): ${quantiles(lone)}`);
}

/** From the answer that an order was accepted to the first one that shows its stock reserved, in ms. */
async function waitAlone(staff: string, product_id: number): Promise<number> {
  const { body } = await send("POST", "/api/v2/orders", staff, { items: [{ product_id, quantity: 1 }] });
  const acceptedAt = performance.now();
  for (const end = acceptedAt + SETTLE_SECONDS * 1_000; performance.now() < end;) {
    const { status } = (await send("GET", `/api/v2/orders/${String(body["id"])}`, staff)).body;
    if (status !== "pending") return performance.now() - acceptedAt;
    await setTimeout(LONE_LOOK_EVERY_MS);
  }
  throw new Error(`order ${String(body["id"])} is still pending after ${SETTLE_SECONDS} s`);
}

async function waitOf(staff: string, id: number): Promise<number> {
  const { body } = await send("GET", `/api/v2/orders/${id}`, staff);
  const [pending, reserved] = body["history"] as { occurred_at: string }[];
  return Date.parse(reserved?.occurred_at ?? "") - Date.parse(pending?.occurred_at ?? "");
}

type Shoppers = { staff: string; stocked: number[]; deadline: number; turn: number; refused: number };

async function buy(shoppers: Shoppers, latencies: number[], sampled: number[]): Promise<void> {
  while (performance.now() < shoppers.deadline) {
    const { staff, stocked } = shoppers;
    const items = [{ product_id: stocked[shoppers.turn++ % stocked.length], quantity: 1 }];
    const sentAt = performance.now();
    const { status, body } = await send("POST", "/api/v2/orders", staff, { items });
    if (status !== 202) {
      shoppers.refused += 1;
      continue;
    }
    latencies.push(performance.now() - sentAt);
    if (latencies.length % SAMPLED_OF === 0) sampled.push(Number(body["id"]));
  }
}

async function settled(staff: string): Promise<void> {
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

function quantiles(times: number[]): string {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (quantile: number) => (sorted[Math.floor(sorted.length * quantile)] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p95 ${at(0.95)} ms, p99 ${at(0.99)} ms`;
}
