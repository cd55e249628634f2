import { sql } from "kysely";
import { expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { startApp, type TestApp } from "./app.ts";
import { available, order, stocked } from "./shop.ts";

test("a shop that has sold, rejected and cancelled holds to everything", async () => {
  await using shop = await busyShop();
  expect(await broken(shop)).toEqual([]);
});

test.each([
  ["on_hand is the sum of its movements", "UPDATE stock_levels SET on_hand = on_hand + 1"],
  ["reserved is the sum of its open reservations", "UPDATE stock_levels SET reserved = reserved - 1"],
  ["reserved is the sum of its movements", "DELETE FROM stock_movements WHERE kind = 'released'"],
  [
    "one reserving and at most one releasing",
    "INSERT INTO stock_movements (item_id, kind, order_id, correlation_id) SELECT item_id, kind, order_id, 'x' FROM stock_movements WHERE kind = 'reserved'",
  ],
  ["what is sold from stock has a level", "UPDATE items SET tracked = true; DELETE FROM stock_levels"],
  ["the status is the last one of the history", "UPDATE orders SET status = 'cancelled' WHERE status = 'reserved'"],
  [
    "the status is the last one of the history",
    "INSERT INTO order_events (order_id, status, correlation_id) SELECT id, 'reserved', 'x' FROM orders WHERE status = 'reserved'",
  ],
  ["the total is the sum of the lines", "UPDATE orders SET total_cents = total_cents + 1"],
  ["a reserved order holds exactly its lines", "UPDATE reservations SET quantity = quantity + 1 WHERE status = 'open'"],
  [
    "none is pending for more than",
    "UPDATE orders SET status = 'pending', created_at = now() - interval '1 hour' WHERE status = 'reserved'",
  ],
  ["each has a delivery for every consumer", "UPDATE subscriptions SET created_at = 'epoch'; DELETE FROM deliveries"],
  ["every delivery belongs to a message", "DELETE FROM outbox"],
  [
    "none is due for more than",
    "UPDATE deliveries SET handled_at = NULL, attempts = 4, due_at = now() - interval '1 hour' WHERE message_id = 1",
  ],
  ["the index in PostgreSQL says what the items say", "UPDATE items SET price_cents = 1"],
  ["the index in PostgreSQL says what the items say", "DELETE FROM item_search"],
  ["the index in PostgreSQL says what the items say", "UPDATE items SET status = 'archived'"],
  ["the words are counted as the items have them", "UPDATE search_terms SET items = items + 1"],
])("what breaks is found and named: %s", async (name, damage) => {
  await using shop = await busyShop();
  await sql.raw(damage).execute(shop.db);
  expect(await broken(shop)).toContainEqual(expect.stringContaining(name));
});

test("what is derived is repaired from what it is derived from, and then holds", async () => {
  await using shop = await busyShop();
  await sql
    .raw("UPDATE stock_levels SET on_hand = on_hand + 5, reserved = 0; UPDATE orders SET total_cents = 0")
    .execute(shop.db);
  await verifyDatabase(shop.url, { repair: true });
  expect(await broken(shop)).toEqual([]);
  expect(await available(shop, 1)).toBe(8);
});

test.each([
  "UPDATE item_search SET title = 'Teapot', version = 0",
  "DELETE FROM item_search",
  "INSERT INTO item_search SELECT 99, title, sort_title, category, tags, sku, price_cents, created_at, version, terms, document FROM item_search",
  "DELETE FROM search_terms",
  "UPDATE search_terms SET items = items + 1",
])("the index is repaired, and finds again what there is: %s", async (damage) => {
  await using shop = await busyShop();
  await sql.raw(damage).execute(shop.db);
  await verifyDatabase(shop.url, { repair: true });
  expect(await broken(shop)).toEqual([]);
  const found = await shop.anonymous.get("/api/v1/search/items?q=kettel");
  expect(found.body).toMatchObject({ total: 1, did_you_mean: "kettle", data: [{ title: "Kettle" }] });
});

/** A shop that has worked and rests: a worker would mend what a test breaks. */
async function busyShop(): Promise<TestApp> {
  const shop = await startApp({ worker: false });
  await using _worker = await shop.startWorker();
  const kettle = await stocked(shop, { stock: 10 });
  const buyer = await shop.signUp();
  await order(buyer, [[kettle, 2]]);
  const second = await order(buyer, [[kettle, 3]]);
  await order(buyer, [[kettle, 50]]);
  await shop.drained();
  await buyer.post(`${second.headers.location}/cancel`);
  await shop.drained();
  return shop;
}

async function broken(shop: TestApp): Promise<string[]> {
  const findings = await verifyDatabase(shop.url);
  expect(findings.length).toBeGreaterThan(10);
  return findings.filter((finding) => finding.offending.length > 0).map((finding) => finding.name);
}
