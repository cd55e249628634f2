import { expect, test } from "vitest";
import { startApp } from "../app.ts";
import { order, stocked } from "../shop.ts";
import { readSnapshot } from "./snapshot.ts";

test("a snapshot has the orders, the stock, its ledger and the messages, with numbers as numbers", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 10 });
  const buyer = await shop.signUp();
  await order(buyer, [[kettle, 2]], { "x-correlation-id": "first" });
  const second = await order(buyer, [[kettle, 3]], { "x-correlation-id": "second" });
  await order(buyer, [[kettle, 50]], { "x-correlation-id": "third" });
  await shop.drained();
  await buyer.post(`${second.headers.location}/cancel`, undefined, { "x-correlation-id": "cancel" });

  const snapshot = await readSnapshot(shop.url);
  const id = snapshot.orders[0]?.id ?? 0;
  const items = (quantity: number) => [{ product_id: kettle, quantity, unit_price_cents: 4_990 }];
  const event = (status: string, correlation_id: string) => ({ status, correlation_id });
  expect(snapshot.orders).toMatchObject([
    { status: "reserved", total_cents: 9_980, items: items(2), correlation_id: "first" },
    {
      status: "cancelled",
      events: [event("pending", "second"), event("reserved", "second"), event("cancelled", "cancel")],
    },
    { status: "rejected", shortfalls: [{ product_id: kettle, requested: 50, available: 5 }] },
  ]);
  expect(snapshot.levels).toEqual([{ item_id: kettle, on_hand: 10, reserved: 2 }]);
  expect(
    snapshot.movements.map(({ kind, on_hand_delta, reserved_delta }) => [kind, on_hand_delta, reserved_delta]),
  ).toEqual([
    ["adjusted", 10, 0],
    ["reserved", 0, 2],
    ["reserved", 0, 3],
    ["released", 0, -3],
  ]);
  expect(snapshot.movements.at(-1)).toMatchObject({ order_id: id + 1, correlation_id: "cancel" });
  expect(snapshot.reservations).toEqual([
    { order_id: id, item_id: kettle, quantity: 2, status: "open" },
    { order_id: id + 1, item_id: kettle, quantity: 3, status: "released" },
  ]);
  expect(snapshot.placed).toMatchObject([0, 1, 2].map((n) => ({ order_id: id + n, deliveries: 1, open: 0 })));
});

test("a snapshot of a shop where nothing happened is empty", async () => {
  await using shop = await startApp();
  const { taken_at_ms: _, at_ms: __, ...rest } = await readSnapshot(shop.url);
  expect(rest).toEqual({
    orders: [],
    levels: [],
    movements: [],
    reservations: [],
    placed: [],
    mails: [],
    failures: [],
  });
});
