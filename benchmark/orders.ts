// Orders per second, accepted and reserved, and how long one waits for its stock. Bounded in time and count.
//   scripts/node benchmark/orders.ts [--target http://127.0.0.1:8000] [--seconds 10] [--clients 64] [--products 1]
// With --messaging postgres|rabbitmq|redis|sqs it starts a shop of its own on that engine, whose address is in the
// environment (scripts/services/start says it), and stops it.
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { findObstacle, startServer, stopServer, tail } from "../scripts/own-server.ts";
import { type Answer, load, openClient, quantilesOf } from "./client.ts";

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

if (values.messaging !== undefined) process.env["MESSAGING"] = values.messaging;
const own = values.messaging === undefined ? undefined : await startServer();
const shop = openClient(own?.target ?? values.target, clients);
try {
  const obstacle = own && (await findObstacle(own, new AbortController().signal));
  if (obstacle !== undefined) throw new Error(`the shop does not start, ${obstacle}:\n${tail(own?.log ?? "")}`);
  await measure();
} finally {
  shop.close();
  if (own !== undefined) await stopServer(own);
}

async function measure(): Promise<void> {
  const staff = await shop.logIn("staff@shopfloor.example", "shopfloor-staff");
  const stocked = await Promise.all(
    Array.from({ length: products }, async (_, index) => {
      const product = { name: `Benchmark ${index}`, price_cents: 100, stock: 100_000_000 };
      return Number((await shop.send("POST", "/api/v2/products", { signedIn: staff, body: product })).body["id"]);
    }),
  );
  const [first = 0] = stocked;
  const lone: number[] = [];
  for (let nth = 0; nth < LONE_ORDERS; nth += 1) lone.push(await waitAlone(staff, first));

  const startedAt = performance.now();
  const sampled: number[] = [];
  let [accepted, refused] = [0, 0];
  const { latencies, tookMs } = await load({ clients, seconds }, async (turn) => {
    const { status, body } = await order(staff, stocked[turn % stocked.length] ?? first);
    if (status !== 202) refused += 1;
    else if ((accepted += 1) % SAMPLED_OF === 0) sampled.push(Number(body["id"]));
    return status === 202;
  });
  await settled(staff);
  const reservedMs = performance.now() - startedAt;
  const waits = await Promise.all(sampled.slice(0, SAMPLES).map((id) => waitOf(staff, id)));

  const engine = values.messaging === undefined ? "" : `${values.messaging}, `;
  console.log(`${engine}${clients} clients, ${products} product(s), ${seconds} s, node ${process.version}`);
  console.log(`accepted  ${latencies.length} orders, ${rate(latencies.length, tookMs)}/s, refused ${refused}`);
  console.log(
    `reserved  ${rate(latencies.length, reservedMs)}/s, the last one ${Math.round(reservedMs - tookMs)} ms after the load ended`,
  );
  console.log(`answer    ${quantilesOf(latencies)}`);
  console.log(`reserved after, under this load (by the times in its history): ${quantilesOf(waits)}`);
  console.log(`reserved after, one order at a time (as its buyer sees it): ${quantilesOf(lone)}`);
}

/** From the answer that an order was accepted to the first one that shows its stock reserved, in ms. */
async function waitAlone(staff: string, product_id: number): Promise<number> {
  const { body } = await order(staff, product_id);
  const acceptedAt = performance.now();
  for (const end = acceptedAt + SETTLE_SECONDS * 1_000; performance.now() < end;) {
    const { status } = (await shop.send("GET", `/api/v2/orders/${String(body["id"])}`, { signedIn: staff })).body;
    if (status !== "pending") return performance.now() - acceptedAt;
    await setTimeout(LONE_LOOK_EVERY_MS);
  }
  throw new Error(`order ${String(body["id"])} is still pending after ${SETTLE_SECONDS} s`);
}

async function waitOf(staff: string, id: number): Promise<number> {
  const { body } = await shop.send("GET", `/api/v2/orders/${id}`, { signedIn: staff });
  const [pending, reserved] = body["history"] as { occurred_at: string }[];
  return Date.parse(reserved?.occurred_at ?? "") - Date.parse(pending?.occurred_at ?? "");
}

async function order(staff: string, product_id: number): Promise<Answer> {
  const body = { items: [{ product_id, quantity: 1 }] };
  return await shop.send("POST", "/api/v2/orders", { signedIn: staff, body });
}

async function settled(staff: string): Promise<void> {
  for (const end = performance.now() + SETTLE_SECONDS * 1_000; performance.now() < end;) {
    const { body } = await shop.send("GET", "/api/v2/orders?status=pending&limit=1", { signedIn: staff });
    if (Array.isArray(body["data"]) && body["data"].length === 0) return;
    await setTimeout(LOOK_EVERY_MS);
  }
  throw new Error(`orders are still pending ${SETTLE_SECONDS} s after the load`);
}

function rate(count: number, ms: number): string {
  return String(Math.round((count * 1_000) / ms));
}
