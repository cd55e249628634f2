import fc from "fast-check";
import { expect, test } from "vitest";
import { newOrigin } from "#src/platform/telemetry/origin.ts";
import { allocate, type StockRequest } from "./allocate.ts";

const request = (order_id: number, ...lines: [number, number][]): StockRequest => ({
  order_id,
  correlation_id: `order-${order_id}`,
  origin: newOrigin(),
  lines: lines.map(([item_id, quantity]) => ({ item_id, quantity })),
});

test("who comes first gets the last one, and who comes too late is told what was short", () => {
  expect(allocate([request(1, [7, 1]), request(2, [7, 1])], new Map([[7, 1]]))).toEqual([
    { order_id: 1, outcome: "reserved" },
    { order_id: 2, outcome: [{ product_id: 7, requested: 1, available: 0 }] },
  ]);
});

test("an order with one short line takes nothing of its other lines", () => {
  const stock = new Map([
    [7, 5],
    [8, 0],
  ]);
  const outcomes = allocate([request(1, [7, 5], [8, 1]), request(2, [7, 5])], stock);
  expect(outcomes.map((one) => one.outcome === "reserved")).toEqual([false, true]);
});

test("a rejected order names all of its short lines", () => {
  expect(allocate([request(1, [7, 2], [8, 1], [9, 3])], new Map([[8, 1]]))[0]?.outcome).toEqual([
    { product_id: 7, requested: 2, available: 0 },
    { product_id: 9, requested: 3, available: 0 },
  ]);
});

test("a batch decides exactly like one order after another, and never gives more than there is", () => {
  const lines = fc.uniqueArray(fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 4 })), {
    selector: ([item]) => item,
    minLength: 1,
    maxLength: 4,
  });
  const stock = fc.dictionary(fc.constantFrom("1", "2", "3", "4", "5"), fc.nat(10));
  fc.assert(
    fc.property(fc.array(lines, { maxLength: 30 }), stock, (orders, levels) => {
      const requests = orders.map((order, index) => request(index + 1, ...order));
      const available = new Map(Object.entries(levels).map(([item, count]) => [Number(item), count]));
      const together = allocate(requests, available);

      const left = new Map(available);
      for (const [index, one] of requests.entries()) {
        const [alone] = allocate([one], left);
        expect(together[index]).toEqual(alone);
        if (alone?.outcome !== "reserved") continue;
        for (const line of one.lines) left.set(line.item_id, (left.get(line.item_id) ?? 0) - line.quantity);
      }
      expect(Math.min(0, ...left.values())).toBe(0);
    }),
  );
});
