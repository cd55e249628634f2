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

const RACES = Number(process.env["RACES"] ?? 100);
const RACES_AT_ONCE = 10;
const CLIENTS = 64;
const ROUNDS = 6;
const PRICE_CENTS = 4_990;
const TEST_MS = 120_000;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => await cluster[Symbol.asyncDispose]());

test(
  `${CLIENTS} clients fight for 100 pieces of one product: its stock is linearizable and nothing is oversold`,
  { timeout: TEST_MS },
  async () => {
    await using fight = await startFight({ pieces: 100, people: CLIENTS });
    await Promise.all(
      fight.people.map(async (buyer, index) => {
        for (let round = 0; round < ROUNDS; round += 1) {
          const order = await decided(fight, buyer, await place(fight, buyer, 1 + ((index + round) % 3)));
          await look(fight, buyer);
          if (order.status === "reserved" && (index + round) % 4 === 0) await cancel(fight, buyer, order.id);
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
  await using fight = await startFight({ pieces: 1, people: 50 });
  await Promise.all([...Array(4)].flatMap(() => fight.people.map((buyer) => place(fight, buyer, 1))));
  const { orders } = await fight.judged();
  expect(orders.map((order) => order.status).toSorted()).toEqual([...Array(199).fill("rejected"), "reserved"]);
});

test(
  `${RACES} races of two cancellations against the reservation: each order is given back exactly once`,
  { timeout: TEST_MS },
  async ({ annotate }) => {
    await using fight = await startFight({ pieces: 3 * RACES, people: RACES_AT_ONCE });
    for (let race = 0; race < RACES; race += RACES_AT_ONCE) {
      await Promise.all(
        fight.people.map(async (buyer) => {
          const id = await place(fight, buyer, 3);
          const cancels = await Promise.all([cancel(fight, buyer, id), cancel(fight, buyer, id)]);
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

type Fight = AsyncDisposable & {
  shop: Shop;
  people: Person[];
  product: number;
  recorder: Recorder;
  /** waits until everything is decided, and judges it. @returns the last state */
  judged(): Promise<Snapshot>;
};

async function startFight(options: { pieces: number; people: number }): Promise<Fight> {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-contention-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const shop = undo.use(await startShop(cluster, { apis: 2, workers: 2 }));
  const staff = await signUp(shop, "staff");
  const product = await stock(shop, staff, { stock: options.pieces, price_cents: PRICE_CENTS });
  const people = await Promise.all(Array.from({ length: options.people }, () => signUp(shop)));
  const file = path.join(folder, "calls.jsonl");
  const recorder = openRecorder(file, "fight");
  undo.defer(() => recorder.close());
  const kept = undo.move();
  return {
    shop,
    people,
    product,
    recorder,
    async judged() {
      await drained(shop);
      const snapshot = await readSnapshot(shop.databaseUrl);
      const products = [{ id: product, stock: options.pieces, price_cents: PRICE_CENTS }];
      expect(describeFindings(judge(readHistory(file), snapshot, { products, staff: [staff.id] }))).toBe("");
      return snapshot;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function place(fight: Fight, buyer: Person, quantity: number): Promise<number> {
  const lines = [{ product_id: fight.product, quantity }];
  const call = await send(fight, buyer, { kind: "order", input: { user_id: buyer.id, lines } }, "/api/v2/orders");
  if (call.outcome !== "ok") throw new Error(`an order was answered with ${call.status}`);
  return call.output.id;
}

async function decided(fight: Fight, buyer: Person, id: number) {
  const input = { user_id: buyer.id, order_id: id };
  return await until(async () => {
    const call = await send(fight, buyer, { kind: "read_order", input }, `/api/v2/orders/${id}`);
    return call.outcome === "ok" && call.output.status !== "pending" && call.output;
  });
}

async function look(fight: Fight, buyer: Person): Promise<void> {
  const input = { product_id: fight.product };
  await send(fight, buyer, { kind: "read_product", input }, `/api/v2/products/${fight.product}`);
}

function cancel(fight: Fight, buyer: Person, order_id: number) {
  const input = { user_id: buyer.id, order_id };
  return send(fight, buyer, { kind: "cancel", input }, `/api/v2/orders/${order_id}/cancel`);
}

async function send<K extends Kind>(
  { shop, recorder }: Fight,
  { id, token }: Person,
  request: { kind: K; input: Kinds[K]["input"] },
  route: string,
): Promise<CallOf<K>> {
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
