import { expect } from "vitest";
import type { Answer, Client, TestApp } from "./app.ts";

type Lines = [product: number, quantity: number][];

/** Orders so many of each of these products. */
export function order(buyer: Client, lines: Lines, headers: Record<string, string> = {}): Promise<Answer> {
  const items = lines.map(([product_id, quantity]) => ({ product_id, quantity }));
  return buyer.post("/api/v2/orders", { items }, headers);
}

/** Puts a kettle for 49.90 on the shelf. @returns the product's id */
export async function stocked(shop: TestApp, product: { stock: number }): Promise<number> {
  const staff = await shop.signUp("staff");
  const created = await staff.post("/api/v2/products", { name: "Kettle", price_cents: 4_990, ...product });
  return Number(created.body["id"]);
}

/** What the shop says is left of a product. */
export async function available(shop: TestApp, product: number): Promise<unknown> {
  return (await shop.anonymous.get(`/api/v2/products/${product}`)).body["available"];
}

/** How many orders there are in each status: accepted orders are counted, the stock field is never trusted alone. */
export async function statuses(shop: TestApp): Promise<Record<string, number>> {
  const rows = await shop.db
    .selectFrom("orders")
    .select((count) => ["status", count.fn.countAll<number>().as("n")])
    .groupBy("status")
    .execute();
  return Object.fromEntries(rows.map((row) => [row.status, row.n]));
}

/** What the counters say, what the ledger says and what the orders say must be the same thing. */
export async function expectStockToAddUp(shop: TestApp): Promise<void> {
  const levels = await shop.db
    .selectFrom("stock_levels")
    .select(["item_id", "on_hand", "reserved"])
    .orderBy("item_id")
    .execute();
  const ledger = await shop.db
    .selectFrom("stock_movements")
    .select((sum) => [
      "item_id",
      sum.fn.sum<number>("on_hand_delta").as("on_hand"),
      sum.fn.sum<number>("reserved_delta").as("reserved"),
    ])
    .groupBy("item_id")
    .orderBy("item_id")
    .execute();
  const held = await shop.db
    .selectFrom("order_items")
    .innerJoin("orders", "orders.id", "order_items.order_id")
    .select((sum) => ["product_id", sum.fn.sum<number>("quantity").as("reserved")])
    .where("orders.status", "in", ["reserved", "paid"])
    .groupBy("product_id")
    .orderBy("product_id")
    .execute();
  expect(ledger).toEqual(levels);
  const expected = levels.filter((level) => level.reserved > 0).map(({ item_id, reserved }) => [item_id, reserved]);
  expect(held.map((row) => [row.product_id, row.reserved])).toEqual(expected);
}
