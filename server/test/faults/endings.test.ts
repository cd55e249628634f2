import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { until } from "#test/until.ts";
import { type Actor, call, type World } from "./calls.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { openRecorder, readHistory, type SeenOrder } from "./history.ts";
import { describeFindings, judge } from "./judge.ts";
import { signUp, stock } from "./people.ts";
import { seeded } from "./random.ts";
import { drained, type Shop, startShop } from "./shop-under-fire.ts";
import { readSnapshot } from "./snapshot.ts";

const RACES = Number(process.env["RACES"] ?? 100);
const AT_ONCE = 10;
const SERVER_ERROR = 500;
const MS_PER_SECOND = 1_000;
const RESERVATION_SECONDS = 1;
const PRICE_CENTS = 4_990;
const TEST_MS = 600_000;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
}, TEST_MS);
afterAll(async () => await cluster[Symbol.asyncDispose]());

test(
  `${RACES} races of two payments for one order: one of them is its payment`,
  { timeout: TEST_MS },
  async ({ annotate }) => {
    const ends = await race({}, async (act, order) => {
      const answers = await Promise.all([act.pay(order, "one"), act.pay(order, "another")]);
      expectAnswers(answers, [200, 409]);
    });
    await annotate(JSON.stringify(ends));
    expect(ends["paid"]).toBe(RACES);
  },
);

test(
  `${RACES} races of two parcels and a cancellation for one paid order: one of the three is done`,
  { timeout: TEST_MS },
  async ({ annotate }) => {
    const ends = await race({}, async (act, order) => {
      await act.pay(order, "payment");
      const acts = [() => act.ship(order, "one"), () => act.ship(order, "another"), () => act.cancel(order)];
      const turned = [...acts.slice(order.id % acts.length), ...acts.slice(0, order.id % acts.length)];
      const answers = await Promise.all(turned.map((one) => one()));
      expectAnswers(answers, [200, 409, 409]);
    });
    await annotate(JSON.stringify(ends));
    expect((ends["shipped"] ?? 0) + (ends["cancelled"] ?? 0)).toBe(RACES);
  },
);

test(
  `${RACES} races of payment, parcel and arrival: each comes after the one before it or is refused`,
  { timeout: TEST_MS },
  async ({ annotate }) => {
    const ends = await race({}, async (act, order) => {
      const [paid] = await Promise.all([act.pay(order, "payment"), act.ship(order, "parcel"), act.deliver(order)]);
      expectAnswers([paid], [200]);
    });
    await annotate(JSON.stringify(ends));
    expect((ends["paid"] ?? 0) + (ends["shipped"] ?? 0) + (ends["delivered"] ?? 0)).toBe(RACES);
  },
);

test(
  `${RACES} races of payment, parcel and cancellation against the end of the reservation: one outcome, stock exact`,
  { timeout: TEST_MS },
  async ({ annotate }) => {
    const ends = await race({ RESERVATION_SECONDS: String(RESERVATION_SECONDS) }, async (act, order) => {
      const over = Date.parse(order.expires_at ?? "") || 0;
      await until(() => Date.now() > over + (order.id % AT_ONCE) * 50);
      await Promise.all([act.pay(order, "payment"), act.ship(order, "parcel"), act.cancel(order)]);
    });
    await annotate(JSON.stringify(ends));
    expect(Object.keys(ends).toSorted()).not.toContain("reserved");
  },
);

/** A call that a busy machine left without an answer may have been done or not: the judge knows what is right then. */
function expectAnswers(answers: number[], expected: number[]): void {
  if (answers.some((status) => status === 0 || status >= SERVER_ERROR)) return;
  expect(answers.toSorted()).toEqual(expected);
}

type Reserved = SeenOrder & { expires_at?: string };
type Acts = {
  pay(order: Reserved, reference: string): Promise<number>;
  ship(order: Reserved, tracking: string): Promise<number>;
  deliver(order: Reserved): Promise<number>;
  cancel(order: Reserved): Promise<number>;
};

/**
 * Does something to so many reserved orders, in a shop with two APIs and two workers, and judges all of it.
 * @returns how many orders ended in which status
 */
async function race(env: Record<string, string>, compete: (act: Acts, order: Reserved) => Promise<void>) {
  await using undo = new AsyncDisposableStack();
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-endings-"));
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const shop = undo.use(await startShop(cluster, { apis: 2, workers: 2, env }));
  const staff = await signUp(shop, "staff");
  const buyer = await signUp(shop);
  const product = { id: await stock(shop, staff, { stock: RACES, price_cents: PRICE_CENTS }), stock: RACES };
  const file = path.join(folder, "calls.jsonl");
  const recorder = openRecorder(file, "race");
  undo.defer(() => recorder.close());
  const products = [{ ...product, price_cents: PRICE_CENTS }];
  const world: World = { shop, recorder, products, orders: [], paid: [], shipped: [], reservationMs: 0 };
  const clerk = { person: staff, name: "clerk", random: seeded(1) };
  const customer = { person: buyer, name: "buyer", random: seeded(2) };
  for (let done = 0; done < RACES; done += AT_ONCE) {
    await Promise.all(
      Array.from({ length: Math.min(AT_ONCE, RACES - done) }, async () => {
        const order = await reserved(world, customer);
        await compete(actsOf(world, clerk), order);
      }),
    );
  }
  return await judged(shop, file, { products, staff: [staff.id], ...(env["RESERVATION_SECONDS"] && SHORT) });
}

const SHORT = { reservation_ms: RESERVATION_SECONDS * MS_PER_SECOND };

async function judged(shop: Shop, file: string, facts: Parameters<typeof judge>[2]): Promise<Record<string, number>> {
  const isOver = (status: string) => facts.reservation_ms === undefined || status !== "reserved";
  await until(async () => (await readSnapshot(shop.databaseUrl)).orders.every((order) => isOver(order.status)));
  await drained(shop);
  const snapshot = await readSnapshot(shop.databaseUrl);
  expect(describeFindings(judge(readHistory(file), snapshot, facts))).toBe("");
  const byStatus = Map.groupBy(snapshot.orders, (order) => order.status);
  return Object.fromEntries([...byStatus].map(([status, orders]) => [status, orders.length]));
}

async function reserved(world: World, customer: Actor): Promise<Reserved> {
  const user_id = customer.person.id;
  const lines = world.products.map(({ id }) => ({ product_id: id, quantity: 1 }));
  const order = { user_id, lines, key: `order-${customer.random()}` };
  const order_id = await until(async () => {
    const placed = await call(world, customer, { kind: "order", input: order, path: "/api/v2/orders" });
    return placed.outcome === "ok" && placed.output.id;
  });
  const input = { user_id, order_id };
  return await until(async () => {
    const seen = await call(world, customer, { kind: "read_order", input, path: `/api/v2/orders/${order_id}` });
    return seen.outcome === "ok" && seen.output.status !== "pending" && seen.output;
  });
}

function actsOf(world: World, clerk: Actor): Acts {
  const { id: user_id } = clerk.person;
  const pathOf = (order: Reserved, act: string) => `/api/v2/orders/${order.id}/${act}`;
  const statusOf = ({ status }: { status: number | null }) => status ?? 0;
  return {
    async pay(order, reference) {
      const input = { user_id, order_id: order.id, reference };
      return statusOf(await call(world, clerk, { kind: "pay", input, path: pathOf(order, "pay") }));
    },
    async ship(order, tracking) {
      const input = { user_id, order_id: order.id, tracking };
      return statusOf(await call(world, clerk, { kind: "ship", input, path: pathOf(order, "ship") }));
    },
    async deliver(order) {
      const input = { user_id, order_id: order.id };
      return statusOf(await call(world, clerk, { kind: "deliver", input, path: pathOf(order, "deliver") }));
    },
    async cancel(order) {
      const input = { user_id, order_id: order.id };
      return statusOf(await call(world, clerk, { kind: "cancel", input, path: pathOf(order, "cancel") }));
    },
  };
}
