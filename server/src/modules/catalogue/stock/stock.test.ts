import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";

/** What was told of stock that ran low, in the order in which it was told. */
async function toldOf(shop: TestApp): Promise<unknown[]> {
  const rows = await shop.db
    .selectFrom("outbox")
    .select("payload")
    .where("topic", "=", "stock.low")
    .orderBy("id")
    .execute();
  return rows.map((row) => row.payload);
}

test("the event of low stock comes once when the threshold is reached, and again after it was refilled", async () => {
  await using shop = await startApp();
  const [staff, buyer] = [await shop.signUp("staff"), await shop.signUp()];
  const { body } = await staff.post("/api/v2/products", { name: "Kettle", price_cents: 100, stock: 6 });
  const product_id = Number(body["id"]);
  const stock = `/api/v2/products/${product_id}/stock`;
  expect((await staff.patch(stock, { low_stock_threshold: 3 })).body).toMatchObject({
    low_stock_threshold: 3,
    on_hand: 6,
  });
  const order = async (quantity: number) => {
    await buyer.post("/api/v2/orders", { items: [{ product_id, quantity }] });
    await shop.drained();
  };
  await order(2);
  expect(await toldOf(shop)).toEqual([]);
  await order(1);
  await order(1);
  expect(await toldOf(shop)).toEqual([{ item_id: product_id, available: 3, threshold: 3 }]);
  await staff.post(stock, { delta: 5, reason: "delivery" });
  await staff.post(stock, { delta: -5, reason: "broken" });
  expect(await toldOf(shop)).toHaveLength(2);
  expect((await staff.get(stock)).body).toMatchObject({ on_hand: 6, reserved: 4, available: 2 });
  await staff.patch(stock, { low_stock_threshold: null });
  await order(1);
  expect(await toldOf(shop)).toHaveLength(2);
});

test("the event of low stock comes too when many levels are set at once", async () => {
  await using shop = await startApp({ worker: false });
  const staff = await shop.signUp("staff");
  const count = async (stock: number) => {
    const products = [{ sku: "K-1", name: "Kettle", price_cents: 100, stock }];
    const { body } = await staff.post("/api/v2/product-batches", { products });
    return (body["data"] as { product_id: number }[])[0]?.product_id ?? 0;
  };
  const item_id = await count(6);
  await staff.patch(`/api/v2/products/${item_id}/stock`, { low_stock_threshold: 3 });
  await count(4);
  expect(await toldOf(shop)).toEqual([]);
  await count(2);
  await count(1);
  await count(9);
  expect(await toldOf(shop)).toEqual([{ item_id, available: 2, threshold: 3 }]);
});

test("the ledger can be asked for one kind of movement", async () => {
  await using shop = await startApp();
  const [staff, buyer] = [await shop.signUp("staff"), await shop.signUp()];
  const { body } = await staff.post("/api/v2/products", { name: "Kettle", price_cents: 100, stock: 6 });
  const product_id = Number(body["id"]);
  await buyer.post("/api/v2/orders", { items: [{ product_id, quantity: 2 }] });
  await shop.drained();
  const list = await staff.get(`/api/v2/products/${product_id}/movements?kind=reserved`);
  expect(list.body["data"]).toMatchObject([{ kind: "reserved", reserved_delta: 2 }]);
});
