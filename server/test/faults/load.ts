import { setTimeout } from "node:timers/promises";
import { type Actor, call, type Placed, type Product, remember, type World } from "./calls.ts";
import { serve } from "./clerks.ts";
import { type Line, openRecorder } from "./history.ts";
import { type Person, signUp, signUpMany, stock } from "./people.ts";
import { between, pick, type Random, seeded } from "./random.ts";
import type { Shop } from "./shop-under-fire.ts";

export type LoadOptions = {
  seed: number;
  /** where the history goes */
  file: string;
  reservationMs: number;
  clients?: number;
  /** what a client waits between two calls, so that the processes that are started again get their share */
  pauseMs?: number;
};
export type Load = {
  products: Product[];
  people: Person[];
  staff: Person[];
  stop(): Promise<void>;
};

const CLIENTS = 10;
/** They pay, ship and deliver what the buyers order. */
const CLERKS = 2;
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
const OWN_REMEMBERED = 30;

type Buyer = Actor & { own: number[] };
type Act = (world: World, actor: Buyer) => Promise<void>;

/**
 * Buyers that order, cancel and look; clerks that pay, ship and deliver; and one of the staff that fills shelves and
 * changes prices, until stopped.
 */
export async function startLoad(shop: Shop, options: LoadOptions): Promise<Load> {
  const keeper = await signUp(shop, "staff");
  const clerks = await signUpMany(shop, CLERKS, "staff");
  const products = await Promise.all(
    PRODUCTS.map(async ([amount, price_cents]) => {
      return { id: await stock(shop, keeper, { stock: amount, price_cents }), stock: amount, price_cents };
    }),
  );
  const people = await signUpMany(shop, options.clients ?? CLIENTS, "customer");
  const recorder = openRecorder(options.file, "load");
  const { reservationMs } = options;
  const world: World = { shop, recorder, products, orders: [], paid: [], shipped: [], reservationMs };
  const stop = new AbortController();
  const pauseMs = options.pauseMs ?? PAUSE_MS;
  const keepOn = async (person: Person, index: number, act: Act): Promise<void> => {
    const actor = { person, name: `client-${index}`, random: seeded(options.seed * 1_000 + index), own: [] };
    while (!stop.signal.aborted) {
      await act(world, actor);
      await setTimeout(pauseMs * 2 * actor.random());
    }
  };
  const loops = [
    ...people.map((person, index) => keepOn(person, index, buy)),
    keepOn(keeper, people.length, tend),
    ...clerks.map((clerk, index) => keepOn(clerk, people.length + 1 + index, serve)),
  ];
  return {
    products,
    people,
    staff: [keeper, ...clerks],
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
    const { id: foreign } = pick(random, world.orders as [Placed, ...Placed[]]);
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
    if (done.outcome === "ok") {
      remember(world.orders, { id: done.output.id, at_ms: done.end_ms });
      remember(buyer.own, done.output.id, OWN_REMEMBERED);
    }
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

async function tend(world: World, actor: Actor): Promise<void> {
  const { random } = actor;
  const { id: product_id } = pick(random, world.products as [Product, ...Product[]]);
  if (random() < 0.5) {
    const price_cents = between(random, 100, 9_999);
    await call(world, actor, {
      kind: "change_price",
      input: { product_id, price_cents },
      path: `/api/v2/products/${product_id}`,
    });
  } else {
    const delta = between(random, 1, 6);
    await call(world, actor, {
      kind: "adjust",
      input: { product_id, delta },
      path: `/api/v2/products/${product_id}/stock`,
    });
  }
}
