import { afterAll, beforeAll, expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { until } from "#test/until.ts";
import { type Cluster, query, startCluster } from "./cluster.ts";
import { ask, type Person, type Reply, signUp, stock } from "./people.ts";
import { drained, LEASE_MS, type Shop, startShop } from "./shop-under-fire.ts";
import type { Slot } from "./slot.ts";

const RETRIED_ORDERS = Number(process.env["RETRIED_ORDERS"] ?? 5);
const CLAIMED = 100;
const MAX_ATTEMPTS = 5;
const PRICE_CENTS = 4_990;
const TEST_MS = 180_000;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(async () => await cluster[Symbol.asyncDispose]());

test(
  `killed after the commit and before the answer, ${RETRIED_ORDERS} times: the retry with the key gets the same order`,
  { timeout: TEST_MS },
  async () => {
    await using shop = await startShop(cluster, { workers: 1 });
    const { buyer, product } = await furnish(shop);
    const [api] = shop.apis as [Slot];
    const ids: number[] = [];
    for (let turn = 0; turn < RETRIED_ORDERS; turn += 1) {
      const key = { "idempotency-key": `turn-${turn}` };
      const dead = api.died();
      await api.arm("transaction.after_commit=exit");
      await expect(order(shop, buyer, product, key)).rejects.toThrow(/socket hang up|ECONNRESET/);
      await dead;
      await api.ready();
      const [first, again] = [await order(shop, buyer, product, key), await order(shop, buyer, product, key)];
      expect([first.status, again.status, first.replayed]).toEqual([202, 202, true]);
      expect(again.body).toEqual(first.body);
      ids.push(Number(first.body["id"]));
    }
    expect(new Set(ids).size).toBe(RETRIED_ORDERS);
    expect(await count(shop, "SELECT count(*)::int AS n FROM orders")).toBe(RETRIED_ORDERS);
    await drained(shop);
    await expectSound(shop);
  },
);

test("killed before the commit: nothing happened, and the retry with the key does it once", async () => {
  await using shop = await startShop(cluster, { workers: 1 });
  const { buyer, product } = await furnish(shop);
  const key = { "idempotency-key": "once" };
  const [api] = shop.apis as [Slot];
  const dead = api.died();
  await api.arm("transaction.before_commit=exit");
  await expect(order(shop, buyer, product, key)).rejects.toThrow(/socket hang up|ECONNRESET/);
  await dead;
  expect(await count(shop, "SELECT count(*)::int AS n FROM orders")).toBe(0);
  await shop.ready();
  expect(await order(shop, buyer, product, key)).toMatchObject({ status: 202, replayed: false });
  await drained(shop);
  expect(await count(shop, "SELECT count(*)::int AS n FROM orders WHERE status = 'reserved'")).toBe(1);
});

test(
  "a message that kills every worker is given up after five attempts, and its order is rejected",
  { timeout: TEST_MS },
  async () => {
    await using shop = await startShop(cluster, { workers: 0, lasting: { worker: "worker.in_handler=exit" } });
    const { buyer, product } = await furnish(shop);
    await settle(shop);
    const { body } = await order(shop, buyer, product);
    const worker = await shop.addWorker();
    const status = () => query<{ status: string; reject_reason: string }>(shop.databaseUrl, STATUS, [body["id"]]);
    await until(async () => (await status())[0]?.status === "rejected", status);
    expect(await status()).toEqual([{ status: "rejected", reject_reason: "processing_failed" }]);
    expect(worker.hits).toHaveLength(MAX_ATTEMPTS);
    await expectSound(shop);
  },
);

test(
  "a worker that is stopped past its lease: another one does its work, and what it still writes is refused",
  { timeout: TEST_MS },
  async () => {
    await using shop = await startShop(cluster, { workers: 0, env: { LOG_LEVEL: "warn" } });
    const { buyer, product } = await furnish(shop);
    await settle(shop);
    const slow = await shop.addWorker("worker.after_claim=delay:400@1");
    const held = slow.nextHit();
    const { body } = await order(shop, buyer, product);
    await held;
    slow.signal("SIGSTOP");
    await shop.addWorker();
    await drained(shop);
    const handled = await query(shop.databaseUrl, HANDLED);
    expect(handled).toMatchObject([{ attempts: 2 }]);
    slow.signal("SIGCONT");
    await until(() => slow.tail.some((line) => line.includes("the lease ran out")));
    expect(await query(shop.databaseUrl, HANDLED)).toEqual(handled);
    const movements = "SELECT count(*)::int AS n FROM stock_movements WHERE order_id = $1";
    expect(await count(shop, movements, [body["id"]])).toBe(1);
    await expectSound(shop);
  },
);

test(
  `a worker is killed with ${CLAIMED} messages claimed: all of them are done when the lease has run out`,
  { timeout: TEST_MS },
  async () => {
    await using shop = await startShop(cluster, { workers: 0 });
    const { buyer, product } = await furnish(shop);
    await settle(shop);
    await Promise.all(Array.from({ length: CLAIMED }, () => order(shop, buyer, product)));
    const hung = await shop.addWorker("worker.after_claim=hang");
    const claimed = () => count(shop, `${RESERVING} AND attempts = 1`);
    await until(async () => (await claimed()) === CLAIMED, claimed);
    const killedAt = performance.now();
    hung.signal("SIGKILL");
    await drained(shop);
    // oxlint-disable-next-line no-console -- a promise about time is read and not asserted: the machine may be busy
    console.log(`all handled ${Math.round(performance.now() - killedAt)} ms after the kill, lease ${LEASE_MS} ms`);
    expect(await count(shop, "SELECT count(*)::int AS n FROM orders WHERE status = 'reserved'")).toBe(CLAIMED);
    expect(await count(shop, `${RESERVING} AND attempts = 2`)).toBe(CLAIMED);
    await expectSound(shop);
  },
);

const STATUS = "SELECT status, reject_reason FROM orders WHERE id = $1";
const HANDLED = `SELECT message_id::int, attempts, handled_at FROM deliveries
  WHERE consumer = 'orders.reserve' AND handled_at IS NOT NULL`;
const RESERVING = "SELECT count(*)::int AS n FROM deliveries WHERE consumer = 'orders.reserve'";

async function furnish(shop: Shop): Promise<{ buyer: Person; product: number }> {
  const staff = await signUp(shop, "staff");
  const product = await stock(shop, staff, { stock: 1_000, price_cents: PRICE_CENTS });
  return { buyer: await signUp(shop), product };
}

/** Lets a sound worker do what the new product asks for, so that the next one meets nothing but orders. */
async function settle(shop: Shop): Promise<void> {
  const worker = await shop.addWorker();
  await drained(shop);
  await worker.stop();
}

function order(shop: Shop, buyer: Person, product: number, headers: Record<string, string> = {}): Promise<Reply> {
  const body = { items: [{ product_id: product, quantity: 1 }] };
  return ask(`${shop.urls[0]}/api/v2/orders`, { method: "POST", token: buyer.token, body, headers });
}

async function count(shop: Shop, text: string, values: unknown[] = []): Promise<number | undefined> {
  return (await query<{ n: number }>(shop.databaseUrl, text, values))[0]?.n;
}

async function expectSound(shop: Shop): Promise<void> {
  const findings = await verifyDatabase(shop.databaseUrl);
  expect(findings.filter((finding) => finding.offending.length > 0)).toEqual([]);
}
