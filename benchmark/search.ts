// Searches and suggestions per second, and how long they take, among 20,000 products of a running shop on this machine.
// The products are put there first, by their SKU: a second run finds them there.
//   scripts/node benchmark/search.ts [--target http://127.0.0.1:8000] [--seconds 10] [--clients 8] [--items 20000]
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { manyItems } from "../server/test/many-items.ts";
import { load, openClient, quantilesOf } from "./client.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "http://127.0.0.1:8000" },
    seconds: { type: "string", default: "10" },
    clients: { type: "string", default: "8" },
    items: { type: "string", default: "20000" },
  },
});
const seconds = Math.min(Number(values.seconds), 60);
const clients = Math.min(Number(values.clients), 256);
const items = Math.min(Number(values.items), 100_000);

const BATCH = 500;
const INDEXED_WITHIN_SECONDS = 300;
const LOOK_EVERY_MS = 250;
const shop = openClient(values.target, clients);

const products = manyItems(items);
await shelve();
const words = [...new Set(products.slice(0, 500).map(({ title }) => title))];
/** Each kind of request by its name; it is given a number that counts up. */
const KINDS: Record<string, (turn: number) => string> = {
  "a product by its name": (turn) => `items?q=${encodeURIComponent(words[turn % words.length] ?? "")}`,
  "two common words": (turn) => `items?q=${["steel+kettle", "oak+desk", "camping+lamp"][turn % 3]}`,
  "one word of 900 items": (turn) => `items?q=${["kettle", "lamp", "tent", "torch"][turn % 4]}`,
  "the same, filtered": (turn) =>
    `items?q=${["kettle", "lamp"][turn % 2]}&category=kitchen&max_price_cents=30000&in_stock=true`,
  "one word of 6,000 items": () => "items?q=steel",
  "a typing error": (turn) => `items?q=${["ketlte", "lmap", "tnet", "trch"][turn % 4]}`,
  "no text: everything": () => "items",
  "a suggestion": (turn) => `suggest?q=${["k", "ke", "la", "te", "to", "steel+k", "oak+l"][turn % 7]}`,
};
console.log(`${items} products, ${clients} clients, ${seconds} s each, node ${process.version}`);
for (const [name, pathOf] of Object.entries(KINDS)) await measure(name, pathOf);
shop.close();

async function shelve(): Promise<void> {
  const staff = await shop.logIn("staff@shopfloor.example", "shopfloor-staff");
  const startedAt = performance.now();
  for (let start = 0; start < products.length; start += BATCH) {
    const batch = products.slice(start, start + BATCH).map(({ id, title, stock, ...product }) => {
      const { description, category, tags, price_cents } = product;
      return { sku: `BENCH-${id}`, name: title, description, category, tags, price_cents, stock: stock ?? 0 };
    });
    const { status, body } = await shop.send("POST", "/api/v2/product-batches", {
      signedIn: staff,
      body: { products: batch },
    });
    if (status !== 200) throw new Error(`the products were refused: ${status} ${JSON.stringify(body).slice(0, 300)}`);
  }
  const writtenMs = performance.now() - startedAt;
  const deadline = performance.now() + INDEXED_WITHIN_SECONDS * 1_000;
  while (Number((await shop.send("GET", "/api/v1/search/items?limit=1")).body["total"]) < items) {
    if (performance.now() > deadline) throw new Error("the products are not indexed in time");
    await setTimeout(LOOK_EVERY_MS);
  }
  const indexedMs = performance.now() - startedAt;
  console.log(
    `written in ${(writtenMs / 1_000).toFixed(1)} s, all of them searchable after ${(indexedMs / 1_000).toFixed(1)} s`,
  );
}

async function measure(name: string, pathOf: (turn: number) => string): Promise<void> {
  const { latencies, tookMs } = await load({ clients, seconds }, async (turn) => {
    const { status } = await shop.send("GET", `/api/v1/search/${pathOf(turn)}`);
    if (status !== 200) throw new Error(`${name}: ${status}`);
    return true;
  });
  const rate = Math.round((latencies.length * 1_000) / tookMs);
  console.log(`${name.padEnd(26)} ${String(rate).padStart(6)}/s  ${quantilesOf(latencies)}`);
}
