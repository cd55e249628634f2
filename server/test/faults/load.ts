import { setTimeout } from "node:timers/promises";
import {
  type CallOf,
  type Kind,
  type Kinds,
  type Line,
  openRecorder,
  type Recorder,
  type SeenOrder,
  verdictOf,
} from "./history.ts";
import { type Asking, ask, type Person, signUp, stock } from "./people.ts";
import { between, pick, type Random, seeded } from "./random.ts";
import type { Shop } from "./shop-under-fire.ts";

export type Product = { id: number; stock: number; price_cents: number };
export type LoadOptions = {
  seed: number;
  /** where the history goes */
  file: string;
  clients?: number;
  /** what a client waits between two calls, so that the processes that are started again get their share */
  pauseMs?: number;
};
export type Load = { products: Product[]; people: Person[]; staff: Person; stop(): Promise<void> };

const CLIENTS = 10;
const PAUSE_MS = 40;
/** Half of the lines want the first product, so that everybody queues for one row. */
const PRODUCTS: [stock: number, price_cents: number][] = [
  [60, 4_990],
  [400, 100],
  [25, 129_900],
];
const HOT_SHARE = 0.5;
const KEY_SHARE = 0.6;
const RETRIES = 40;
const RETRY_PAUSE_MS = 150;
const REMEMBERED = 30;

type Buyer = { person: Person; name: string; random: Random; own: number[] };
type World = { shop: Shop; recorder: Recorder; products: Product[]; orders: number[] };

/** Buyers that order, cancel and look, and one of the staff that fills shelves and changes prices, until stopped. */
export async function startLoad(shop: Shop, options: LoadOptions): Promise<Load> {
  const staff = await signUp(shop, "staff");
  const products = await Promise.all(
    PRODUCTS.map(async ([amount, price_cents]) => {
      return { id: await stock(shop, staff, { stock: amount, price_cents }), stock: amount, price_cents };
    }),
  );
  const people = await Promise.all(Array.from({ length: options.clients ?? CLIENTS }, () => signUp(shop)));
  const recorder = openRecorder(options.file, "load");
  const world: World = { shop, recorder, products, orders: [] };
  const stop = new AbortController();
  const pauseMs = options.pauseMs ?? PAUSE_MS;
  const loops = [...people, staff].map(async (person, index) => {
    const random = seeded(options.seed * 1_000 + index);
    const buyer = { person, name: `client-${index}`, random, own: [] };
    while (!stop.signal.aborted) {
      await (person === staff ? tend(world, buyer) : buy(world, buyer));
      await setTimeout(pauseMs * 2 * random());
    }
  });
  return {
    products,
    people,
    staff,
    async stop() {
      stop.abort();
      await Promise.all(loops);
      recorder.close();
    },
  };
}

async function buy(world: World, buyer: Buyer): Promise<void> {
  const { random, own } = buyer;
  const choice = random();
  if (choice < 0.55 || own.length === 0) return await order(world, buyer);
  const order_id = pick(random, own as [number, ...number[]]);
  const user_id = buyer.person.id;
  if (choice < 0.7) {
    await call(world, buyer, {
      kind: "cancel",
      input: { user_id, order_id },
      path: `/api/v2/orders/${order_id}/cancel`,
    });
  } else if (choice < 0.8) {
    await call(world, buyer, { kind: "read_order", input: { user_id, order_id }, path: `/api/v2/orders/${order_id}` });
  } else if (choice < 0.85) {
    const foreign = pick(random, world.orders as [number, ...number[]]);
    await call(world, buyer, {
      kind: "read_order",
      input: { user_id, order_id: foreign },
      path: `/api/v2/orders/${foreign}`,
    });
  } else if (choice < 0.87) {
    await call(world, buyer, { kind: "list_orders", input: { user_id }, path: "/api/v2/orders?limit=20" });
  } else {
    const { id: product_id } = pick(random, world.products as [Product, ...Product[]]);
    await call(world, buyer, { kind: "read_product", input: { product_id }, path: `/api/v2/products/${product_id}` });
  }
}

/** An order; with a key it is sent again until there is an answer, as a client is told to do. */
async function order(world: World, buyer: Buyer): Promise<void> {
  const { person, random } = buyer;
  const lines = linesOf(world, random);
  const key = random() < KEY_SHARE ? `${buyer.name}-${Math.floor(random() * 1e9)}` : undefined;
  const input = { user_id: person.id, lines, ...(key === undefined ? {} : { key }) };
  for (let attempt = 0; attempt <= RETRIES; attempt += 1) {
    const done = await call(world, buyer, { kind: "order", input: input, path: "/api/v2/orders" });
    // 409: the attempt whose answer was lost still runs.
    if (done.outcome === "ok") remember(world, buyer, done.output);
    if (done.outcome !== "unknown" && done.status !== 409) return;
    if (key === undefined) return;
  }
}

function linesOf(world: World, random: Random): Line[] {
  const hot = world.products[0]?.id ?? 0;
  const rest = world.products.slice(1).map((product) => product.id);
  const ids = random() < HOT_SHARE ? [hot] : [pick(random, rest as [number, ...number[]])];
  if (random() < 0.3) ids.push(...[hot, ...rest].filter((id) => !ids.includes(id)));
  return ids.map((product_id) => ({ product_id, quantity: between(random, 1, 3) }));
}

function remember(world: World, buyer: Buyer, { id }: SeenOrder): void {
  for (const list of [world.orders, buyer.own]) {
    list.push(id);
    if (list.length > REMEMBERED) list.shift();
  }
}

async function tend(world: World, buyer: Buyer): Promise<void> {
  const { random } = buyer;
  const { id: product_id } = pick(random, world.products as [Product, ...Product[]]);
  if (random() < 0.5) {
    const price_cents = between(random, 100, 9_999);
    await call(world, buyer, {
      kind: "change_price",
      input: { product_id, price_cents },
      path: `/api/v2/products/${product_id}`,
    });
  } else {
    const delta = between(random, 1, 6);
    await call(world, buyer, {
      kind: "adjust",
      input: { product_id, delta },
      path: `/api/v2/products/${product_id}/stock`,
    });
  }
}

async function call<K extends Kind>(
  world: World,
  buyer: Buyer,
  { kind, input, path }: { kind: K; input: Kinds[K]["input"]; path: string },
): Promise<CallOf<K>> {
  const { person, name } = buyer;
  const base = pick(buyer.random, world.shop.urls as [string, ...string[]]);
  const done = await world.recorder.call({ client: name, kind, input }, async (id) => {
    const { method = "GET", body, headers = {} } = askingOf(kind, input);
    const sent = { method, body, token: person.token, headers: { ...headers, "x-correlation-id": id } };
    const reply = await ask(`${base}${path}`, sent);
    return verdictOf<K>(reply.status, outputOf(kind, reply.body, reply.replayed));
  });
  // A client that asks a dead address again at once is only a load for the machine that starts the next process.
  if (done.outcome === "unknown") await setTimeout(RETRY_PAUSE_MS);
  return done;
}

function askingOf<K extends Kind>(kind: K, input: Kinds[K]["input"]): Asking {
  if (kind === "order") {
    const { lines, key } = input as Kinds["order"]["input"];
    const headers: Record<string, string> = key === undefined ? {} : { "idempotency-key": key };
    return { method: "POST", body: { items: lines }, headers };
  }
  if (kind === "cancel") return { method: "POST" };
  if (kind === "change_price") {
    const { price_cents } = input as Kinds["change_price"]["input"];
    return { method: "PATCH", body: { price_cents } };
  }
  if (kind === "adjust") {
    const { delta } = input as Kinds["adjust"]["input"];
    return { method: "POST", body: { delta, reason: "delivery" } };
  }
  return {};
}

function outputOf(kind: Kind, body: Record<string, unknown>, replayed: boolean): unknown {
  if (kind === "list_orders") return { orders: body["data"] };
  return replayed ? { ...body, replayed } : body;
}
