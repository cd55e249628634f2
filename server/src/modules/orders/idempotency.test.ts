import { expect, test } from "vitest";
import { claimKeys, fingerprintOf, IDEMPOTENCY_KEY_HOURS } from "#src/platform/database/idempotency.ts";
import { startApp, type TestApp } from "#test/app.ts";
import { order, stocked } from "#test/shop.ts";

const KEY = { "idempotency-key": "order-1" };

test("the same key and body is told the first answer again, and nothing is done again", async () => {
  await using shop = await startApp();
  const [buyer, kettle] = [await shop.signUp(), await stocked(shop, { stock: 100 })];
  const first = await order(buyer, [[kettle, 2]], KEY);
  await shop.drained();
  const again = await order(buyer, [[kettle, 2]], KEY);
  expect(first.headers["idempotency-replayed"]).toBeUndefined();
  expect(again.headers["idempotency-replayed"]).toBe("true");
  expect([again.statusCode, again.headers.location, again.body]).toEqual([202, first.headers.location, first.body]);
  expect(await countOrders(shop)).toBe(1);
});

test("fifty requests with one key at once make one order; each is told of it, or that it is under way", async () => {
  await using shop = await startApp();
  const [buyer, kettle] = [await shop.signUp(), await stocked(shop, { stock: 100 })];
  const answers = await Promise.all(Array.from({ length: 50 }, () => order(buyer, [[kettle, 1]], KEY)));
  const accepted = answers.filter((answer) => answer.statusCode === 202);
  expect(answers.filter((answer) => ![202, 409].includes(answer.statusCode))).toEqual([]);
  expect(new Set(accepted.map((answer) => answer.body["id"])).size).toBe(1);
  expect(accepted.filter((answer) => answer.headers["idempotency-replayed"] === undefined)).toHaveLength(1);
  expect(await countOrders(shop)).toBe(1);
});

test("fifty listings with one key at once, each in a transaction of its own, make one item", async () => {
  await using shop = await startApp({ worker: false });
  const owner = await shop.signUp();
  const list = () => owner.post("/api/v1/items", { title: "Once" }, KEY);
  const statuses = new Set((await Promise.all(Array.from({ length: 50 }, list))).map((answer) => answer.statusCode));
  expect([...statuses].filter((status) => ![201, 409].includes(status))).toEqual([]);
  expect((await owner.get("/api/v1/items")).body["total"]).toBe(1);
});

test("the same key with another body is refused with 422, alone and within one batch", async () => {
  await using shop = await startApp();
  const [buyer, kettle] = [await shop.signUp(), await stocked(shop, { stock: 100 })];
  const answers = await Promise.all([order(buyer, [[kettle, 1]], KEY), order(buyer, [[kettle, 2]], KEY)]);
  expect(answers.map((answer) => answer.statusCode).toSorted()).not.toEqual([202, 202]);
  await order(buyer, [[kettle, 1]], KEY);
  const other = await order(buyer, [[kettle, 3]], KEY);
  expect([other.statusCode, other.body["code"]]).toEqual([422, "request.idempotency_key_reused"]);
  expect(await countOrders(shop)).toBe(1);
});

test("a key that is in use is refused with 409 and told when to come again", async () => {
  await using shop = await startApp({ worker: false });
  const owner = await shop.signUp();
  const use = {
    user_id: owner.id,
    route: "POST /api/v1/items {}",
    key: KEY["idempotency-key"],
    fingerprint: fingerprintOf({}),
  };
  await shop.db.transaction().execute(async (trx) => {
    expect(await claimKeys(trx, [use])).toEqual(["fresh"]);
    const refused = await owner.post("/api/v1/items", { title: "Waiting" }, KEY);
    expect([refused.statusCode, refused.body["code"]]).toEqual([409, "request.idempotency_key_in_use"]);
    expect(refused.headers["retry-after"]).toBe("1");
  });
  expect((await owner.post("/api/v1/items", { title: "Waiting" }, KEY)).statusCode).toBe(201);
});

test("a request that was refused leaves no key behind", async () => {
  await using shop = await startApp();
  const [buyer, kettle] = [await shop.signUp(), await stocked(shop, { stock: 100 })];
  expect((await order(buyer, [[999_999, 1]], KEY)).statusCode).toBe(422);
  expect((await order(buyer, [[kettle, 1]], KEY)).statusCode).toBe(202);
});

test("the same key of another user, or on another resource, is another key", async () => {
  await using shop = await startApp();
  const [one, other, staff] = [await shop.signUp(), await shop.signUp(), await shop.signUp("staff")];
  const [kettle, teapot] = [await stocked(shop, { stock: 100 }), await stocked(shop, { stock: 100 })];
  const orders = [await order(one, [[kettle, 1]], KEY), await order(other, [[kettle, 1]], KEY)];
  expect(new Set(orders.map((answer) => answer.body["id"])).size).toBe(2);
  for (const product of [kettle, kettle, teapot]) {
    await staff.post(`/api/v2/products/${product}/stock`, { delta: 5, reason: "box" }, KEY);
  }
  await shop.drained();
  const available = await Promise.all([kettle, teapot].map((id) => shop.anonymous.get(`/api/v2/products/${id}`)));
  expect(available.map((answer) => answer.body["available"])).toEqual([103, 105]);
});

test("a key is forgotten after a day", async () => {
  await using shop = await startApp();
  const [buyer, kettle] = [await shop.signUp(), await stocked(shop, { stock: 100 })];
  const first = await order(buyer, [[kettle, 1]], KEY);
  const longAgo = new Date(Date.now() - IDEMPOTENCY_KEY_HOURS * 3_600_000 - 1_000).toISOString();
  await shop.db.updateTable("idempotency_keys").set({ created_at: longAgo }).execute();
  const second = await order(buyer, [[kettle, 2]], KEY);
  expect(second.statusCode).toBe(202);
  expect(second.body["id"]).not.toBe(first.body["id"]);
  expect((await order(buyer, [[kettle, 2]], KEY)).body["id"]).toBe(second.body["id"]);
});

test.each([
  ["empty", ""],
  ["too long", "x".repeat(256)],
  ["not ASCII", "schlüssel"],
])("a key that is %s is refused", async (_, key) => {
  await using shop = await startApp({ worker: false });
  const buyer = await shop.signUp();
  const refused = await buyer.post("/api/v1/items", { title: "T" }, { "idempotency-key": key });
  expect(refused).toMatchObject({ statusCode: 422, body: { errors: [{ path: "Idempotency-Key" }] } });
});

async function countOrders(shop: TestApp): Promise<number> {
  return (await shop.db.selectFrom("orders").select("id").execute()).length;
}
