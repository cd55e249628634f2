import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "#test/until.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type CallOf, type Kind, type Kinds, openRecorder, readHistory, type Recorder, verdictOf } from "./history.ts";
import { describeFindings, judge } from "./judge.ts";
import { type Asking, ask, type Person, signUp, stock } from "./people.ts";
import { drained, type Shop, startShop } from "./shop-under-fire.ts";
import { readSnapshot, type Snapshot } from "./snapshot.ts";

const RACES = 500;
const RACES_AT_ONCE = 20;
const CLIENTS = 64;
const ROUNDS = 6;
const PRICE_CENTS = 4_990;
const TEST_MS = 120_000;

// One shop for all of it: what one test leaves behind is in the history that the next one is judged by.
let arena: Arena;
beforeAll(async () => {
  arena = await openArena();
}, TEST_MS);
afterAll(async () => await arena[Symbol.asyncDispose]());

test(
  `${CLIENTS} clients fight for 100 pieces of one product: its stock is linearizable and nothing is oversold`,
  { timeout: TEST_MS },
  async () => {
    const fight = await startFight(100, CLIENTS);
    await Promise.all(
      fight.people.map(async (buyer, index) => {
        for (let round = 0; round < ROUNDS; round += 1) {
          const order = await decided(buyer, await place(fight, buyer, 1 + ((index + round) % 3)));
          await look(fight, buyer);
          if (order.status === "reserved" && (index + round) % 4 === 0) await cancel(buyer, order.id);
        }
      }),
    );
    const { orders, levels } = await fight.judged();
    const taken = orders.filter((order) => order.status === "reserved").flatMap((order) => order.items);
    const held = taken.reduce((sum, line) => sum + line.quantity, 0);
    expect(levels).toMatchObject([{ on_hand: 100, reserved: held }]);
    expect(held).toBeLessThanOrEqual(100);
    expect(new Set(orders.map((order) => order.status))).toEqual(new Set(["reserved", "rejected", "cancelled"]));
  },
);

test("200 orders at once for the last piece: exactly one gets it", { timeout: TEST_MS }, async () => {
  const fight = await startFight(1, 50);
  await Promise.all([...Array(4)].flatMap(() => fight.people.map((buyer) => place(fight, buyer, 1))));
  const { orders } = await fight.judged();
  expect(orders.map((order) => order.status).toSorted()).toEqual([...Array(199).fill("rejected"), "reserved"]);
});

test(
  `${RACES} races of two cancellations against the reservation: each order is given back exactly once`,
  { timeout: TEST_MS },
  async ({ annotate }) => {
    const fight = await startFight(3 * RACES, RACES_AT_ONCE);
    for (let race = 0; race < RACES; race += RACES_AT_ONCE) {
      await Promise.all(
        fight.people.map(async (buyer) => {
          const id = await place(fight, buyer, 3);
          const cancels = await Promise.all([cancel(buyer, id), cancel(buyer, id)]);
          expect(cancels.map((call) => call.status).toSorted()).toEqual([200, 409]);
        }),
      );
    }
    const { orders, levels } = await fight.judged();
    expect(orders.filter((order) => order.status === "cancelled")).toHaveLength(RACES);
    expect(levels).toMatchObject([{ on_hand: 3 * RACES, reserved: 0 }]);
    const late = orders.filter((order) => order.events.some((event) => event.status === "reserved")).length;
    await annotate(`${late} of ${RACES} were cancelled after they had been reserved, the others before`);
  },
);

type Product = { id: number; stock: number; price_cents: number };
type Arena = AsyncDisposable & {
  shop: Shop;
  staff: Person;
  people: Person[];
  products: Product[];
  file: string;
  recorder: Recorder;
};
type Fight = {
  people: Person[];
  product: number;
  /** Waits until everything is decided, and judges it. @returns what has become of this product and its orders */
  judged(): Promise<Pick<Snapshot, "orders" | "levels">>;
};

async function openArena(): Promise<Arena> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-contention-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const cluster: Cluster = undo.use(await startCluster());
  const shop = undo.use(await startShop(cluster, { apis: 2, workers: 2 }));
  const staff = await signUp(shop, "staff");
  const people = await Promise.all(Array.from({ length: CLIENTS }, () => signUp(shop)));
  const file = path.join(folder, "calls.jsonl");
  const recorder = openRecorder(file, "fight");
  undo.defer(() => recorder.close());
  const kept = undo.move();
  return { shop, staff, people, products: [], file, recorder, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

async function startFight(pieces: number, people: number): Promise<Fight> {
  const { shop, staff, products, file } = arena;
  const product = await stock(shop, staff, { stock: pieces, price_cents: PRICE_CENTS });
  products.push({ id: product, stock: pieces, price_cents: PRICE_CENTS });
  return {
    people: arena.people.slice(0, people),
    product,
    async judged() {
      await drained(shop);
      const snapshot = await readSnapshot(shop.databaseUrl);
      expect(describeFindings(judge(readHistory(file), snapshot, { products, staff: [staff.id] }))).toBe("");
      return {
        orders: snapshot.orders.filter((order) => order.items.some((line) => line.product_id === product)),
        levels: snapshot.levels.filter((level) => level.item_id === product),
      };
    },
  };
}

async function place(fight: Fight, buyer: Person, quantity: number): Promise<number> {
  const lines = [{ product_id: fight.product, quantity }];
  const call = await send(buyer, { kind: "order", input: { user_id: buyer.id, lines } }, "/api/v2/orders");
  if (call.outcome !== "ok") throw new Error(`an order was answered with ${call.status}`);
  return call.output.id;
}

async function decided(buyer: Person, id: number) {
  const input = { user_id: buyer.id, order_id: id };
  return await until(async () => {
    const call = await send(buyer, { kind: "read_order", input }, `/api/v2/orders/${id}`);
    return call.outcome === "ok" && call.output.status !== "pending" && call.output;
  });
}

async function look(fight: Fight, buyer: Person): Promise<void> {
  const input = { product_id: fight.product };
  await send(buyer, { kind: "read_product", input }, `/api/v2/products/${fight.product}`);
}

function cancel(buyer: Person, order_id: number) {
  const input = { user_id: buyer.id, order_id };
  return send(buyer, { kind: "cancel", input }, `/api/v2/orders/${order_id}/cancel`);
}

async function send<K extends Kind>(
  { id, token }: Person,
  request: { kind: K; input: Kinds[K]["input"] },
  route: string,
): Promise<CallOf<K>> {
  const { shop, recorder } = arena;
  const url = `${shop.urls[id % shop.urls.length] ?? ""}${route}`;
  return await recorder.call({ client: `user-${id}`, ...request }, async (call) => {
    const reply = await ask(url, { token, headers: { "x-correlation-id": call }, ...askingOf(request) });
    return verdictOf<K>(reply.status, reply.body);
  });
}

function askingOf({ kind, input }: { kind: Kind; input: Kinds[Kind]["input"] }): Asking {
  if (kind === "order") return { method: "POST", body: { items: (input as Kinds["order"]["input"]).lines } };
  return { method: kind === "cancel" ? "POST" : "GET" };
}
