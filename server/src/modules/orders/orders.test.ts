import { sql } from "kysely";
import { expect, test } from "vitest";
import { publish } from "#src/platform/messaging/publish.ts";
import { transact } from "#src/platform/database/transact.ts";
import { startApp, type TestApp } from "#test/app.ts";
import { available, expectStockToAddUp, order, statuses, stocked } from "#test/shop.ts";
import { until } from "#test/until.ts";
import { orderPlaced } from "./events.ts";

test("an order is pending at once and reserved by the worker, which takes it from the stock", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 5 });
  const buyer = await shop.signUp();
  const placed = await order(buyer, [[kettle, 2]]);
  expect(placed.statusCode).toBe(202);
  expect(placed.body).toMatchObject({ status: "pending", total_cents: 9_980, user_id: buyer.id });
  expect(placed.headers.location).toBe(`/api/v2/orders/${placed.body["id"]}`);
  await shop.drained();
  const seen = await buyer.get(String(placed.headers.location));
  expect(seen.body).toMatchObject({ status: "reserved", history: [{ status: "pending" }, { status: "reserved" }] });
  expect(await available(shop, kettle)).toBe(3);
});

test("ten orders for the last five kettles: five are reserved and five rejected", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 5 });
  const buyers = await Promise.all(Array.from({ length: 10 }, () => shop.signUp()));
  await Promise.all(buyers.map((buyer) => order(buyer, [[kettle, 1]])));
  await shop.drained();
  expect(await statuses(shop)).toEqual({ reserved: 5, rejected: 5 });
  expect(await available(shop, kettle)).toBe(0);
});

test("200 buyers at once for a stock of 50: exactly 50 orders are reserved, counted by orders", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 50 });
  const buyer = await shop.signUp();
  const answers = await Promise.all(Array.from({ length: 200 }, () => order(buyer, [[kettle, 1]])));
  expect(answers.every((answer) => answer.statusCode === 202)).toBe(true);
  expect(new Set(answers.map((answer) => answer.body["id"])).size).toBe(200);
  await shop.drained();
  expect(await statuses(shop)).toEqual({ reserved: 50, rejected: 150 });
  await expectStockToAddUp(shop);
});

test("orders that share products in opposite order all end, and nothing deadlocks", async () => {
  await using shop = await startApp();
  await using _second = await shop.startWorker();
  const kettle = await stocked(shop, { stock: 1_000 });
  const teapot = await stocked(shop, { stock: 1_000 });
  const buyer = await shop.signUp();
  const placed = await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      order(
        buyer,
        index % 2 === 0
          ? [
              [kettle, 1],
              [teapot, 1],
            ]
          : [
              [teapot, 1],
              [kettle, 1],
            ],
      ),
    ),
  );
  const cancelled = await Promise.all(
    placed.slice(0, 50).map((answer) => buyer.post(`/api/v2/orders/${answer.body["id"]}/cancel`)),
  );
  await shop.drained();
  expect(cancelled.map((answer) => answer.statusCode)).toEqual(cancelled.map(() => 200));
  expect(await statuses(shop)).toEqual({ reserved: 50, cancelled: 50 });
  expect([await available(shop, kettle), await available(shop, teapot)]).toEqual([950, 950]);
  expect(await shop.db.selectFrom("delivery_failures").select("error").execute()).toEqual([]);
});

test("a short order is rejected whole, with what was missing, and takes nothing of its other lines", async () => {
  await using shop = await startApp();
  const [kettle, teapot] = [await stocked(shop, { stock: 5 }), await stocked(shop, { stock: 1 })];
  const buyer = await shop.signUp();
  const placed = await order(buyer, [
    [kettle, 2],
    [teapot, 3],
  ]);
  await shop.drained();
  expect((await buyer.get(String(placed.headers.location))).body).toMatchObject({
    status: "rejected",
    reject_reason: "out_of_stock",
    shortfalls: [{ product_id: teapot, requested: 3, available: 1 }],
  });
  expect(await available(shop, kettle)).toBe(5);
});

test("a poison message in a batch of 200 dies alone: 199 orders are reserved", async () => {
  await using shop = await startApp({ worker: false });
  const kettle = await stocked(shop, { stock: 1_000 });
  const buyer = await shop.signUp();
  const placed = await Promise.all(Array.from({ length: 199 }, () => order(buyer, [[kettle, 1]])));
  expect(placed.every((answer) => answer.statusCode === 202)).toBe(true);
  await transact(shop.context, (trx) => publish(trx, { ...orderPlaced, check: () => undefined }, [poison]));
  await using _worker = await shop.startWorker();
  await until(async () => {
    await hurryRetries(shop);
    const dead = await shop.db.selectFrom("deliveries").select("message_id").where("dead_at", "is not", null).execute();
    return dead.length === 1;
  });
  expect(await statuses(shop)).toEqual({ reserved: 199 });
  await expectStockToAddUp(shop);
});

const poison = {
  origin: {
    correlation_id: "poison",
    traceparent: `00-${"a".repeat(32)}-${"b".repeat(16)}-01`,
    user_id: null,
    cause: null,
  },
  payload: { order_id: "poison" as never },
};

test("an order that can never be processed ends as rejected instead of staying pending", async () => {
  await using shop = await startApp({ worker: false });
  const kettle = await stocked(shop, { stock: 5 });
  const buyer = await shop.signUp();
  const placed = await order(buyer, [[kettle, 1]]);
  await shop.db
    .updateTable("deliveries")
    .set({ attempts: 5, due_at: new Date(0).toISOString() })
    .execute();
  await using _worker = await shop.startWorker();
  await shop.drained();
  expect((await buyer.get(String(placed.headers.location))).body).toMatchObject({
    status: "rejected",
    reject_reason: "processing_failed",
  });
  expect(await available(shop, kettle)).toBe(5);
});

test("a message that comes again reserves nothing again", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 5 });
  const buyer = await shop.signUp();
  await order(buyer, [[kettle, 2]]);
  await shop.drained();
  await shop.db
    .updateTable("deliveries")
    .set({ handled_at: null, attempts: 0, due_at: new Date(0).toISOString() })
    .execute();
  await shop.drained();
  expect(await available(shop, kettle)).toBe(3);
  expect(await statuses(shop)).toEqual({ reserved: 1 });
});

test("prices are fixed when the order is placed, and one product twice is one line", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 9 });
  const [buyer, staff] = [await shop.signUp(), await shop.signUp("staff")];
  const placed = await order(buyer, [
    [kettle, 1],
    [kettle, 2],
  ]);
  await staff.patch(`/api/v2/products/${kettle}`, { price_cents: 1 });
  await shop.drained();
  const seen = await buyer.get(String(placed.headers.location));
  expect(seen.body["items"]).toMatchObject([{ product_id: kettle, quantity: 3, unit_price_cents: 4_990 }]);
  expect(seen.body["total_cents"]).toBe(14_970);
});

test.each([
  ["an unknown product", [{ product_id: 999_999, quantity: 1 }], "order.not_a_product"],
  ["no lines", [], "request.invalid"],
  ["a quantity of nothing", [{ product_id: 1, quantity: 0 }], "request.invalid"],
  ["a quantity as text", [{ product_id: 1, quantity: "2" }], "request.invalid"],
  ["a price of the buyer's own", [{ product_id: 1, quantity: 1, unit_price_cents: 1 }], "request.invalid"],
])("an order with %s is refused, and nothing is written", async (_, items, code) => {
  await using shop = await startApp({ worker: false });
  const buyer = await shop.signUp();
  const refused = await buyer.post("/api/v2/orders", { items });
  expect([refused.statusCode, refused.body["code"]]).toEqual([422, code]);
  expect(await statuses(shop)).toEqual({});
});

test("a bad order in a batch is refused alone", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 100 });
  const buyer = await shop.signUp();
  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) => order(buyer, [[index % 4 === 0 ? 999_999 : kettle, 1]])),
  );
  await shop.drained();
  expect(answers.map((one) => one.statusCode)).toEqual(answers.map((_, index) => (index % 4 === 0 ? 422 : 202)));
  expect(await statuses(shop)).toEqual({ reserved: 30 });
});

test("cancelling gives the stock back once, however often and from wherever it is asked", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 5 });
  const [buyer, staff] = [await shop.signUp(), await shop.signUp("staff")];
  const placed = await order(buyer, [[kettle, 2]]);
  await shop.drained();
  const cancel = `/api/v2/orders/${placed.body["id"]}/cancel`;
  const answers = await Promise.all([buyer.post(cancel), staff.post(cancel), buyer.post(cancel)]);
  expect(answers.map((answer) => answer.statusCode).toSorted()).toEqual([200, 409, 409]);
  expect(await available(shop, kettle)).toBe(5);
  await expectStockToAddUp(shop);
});

test("an order that is cancelled before the worker comes is not reserved", async () => {
  await using shop = await startApp({ worker: false });
  const kettle = await stocked(shop, { stock: 5 });
  const buyer = await shop.signUp();
  const placed = await order(buyer, [[kettle, 2]]);
  expect((await buyer.post(`/api/v2/orders/${placed.body["id"]}/cancel`)).statusCode).toBe(200);
  await using _worker = await shop.startWorker();
  await shop.drained();
  expect(await available(shop, kettle)).toBe(5);
  expect(await statuses(shop)).toEqual({ cancelled: 1 });
});

test("an order is nobody else's business: others get 404, staff sees it", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 5 });
  const [buyer, other, staff] = [await shop.signUp(), await shop.signUp(), await shop.signUp("staff")];
  const placed = await order(buyer, [[kettle, 1]]);
  const path = String(placed.headers.location);
  expect((await other.get(path)).body).toMatchObject({ status: 404, code: "order.not_found" });
  expect((await other.post(`${path}/cancel`)).statusCode).toBe(404);
  expect((await staff.get(path)).statusCode).toBe(200);
  expect((await other.get("/api/v2/orders")).body).toMatchObject({ data: [], total: 0 });
  expect((await staff.get(`/api/v2/orders?user_id=${buyer.id}`)).body).toMatchObject({ total: 1 });
});

test("the worker's messages carry the correlation id of the request into history, movements and outbox", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 5 });
  const buyer = await shop.signUp();
  await order(buyer, [[kettle, 1]], { "x-correlation-id": "journey-1" });
  await shop.drained();
  const traces = await Promise.all([
    shop.db.selectFrom("outbox").select("correlation_id").where("topic", "=", "order.placed").execute(),
    shop.db.selectFrom("order_events").select("correlation_id").execute(),
    shop.db.selectFrom("stock_movements").select("correlation_id").where("kind", "=", "reserved").execute(),
  ]);
  expect(traces.flat().map((row) => row.correlation_id)).toEqual(Array(4).fill("journey-1"));
});

/** Makes what failed and waits for its next attempt due at once. */
async function hurryRetries(shop: TestApp): Promise<void> {
  await sql`UPDATE deliveries d SET due_at = now() WHERE handled_at IS NULL AND dead_at IS NULL
    AND attempts = (SELECT count(*) FROM delivery_failures f WHERE f.message_id = d.message_id)`.execute(shop.db);
}
