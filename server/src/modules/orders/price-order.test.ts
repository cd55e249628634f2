import fc from "fast-check";
import { expect, test } from "vitest";
import { MAX_MONEY_CENTS } from "#src/platform/http/schemas.ts";
import { priceOrder } from "./price-order.ts";
import { MAX_QUANTITY } from "./schemas.ts";

const prices = new Map([
  [1, { id: 1, name: "Kettle", price_cents: 4_990 }],
  [2, { id: 2, name: "Teapot", price_cents: 2_500 }],
  [3, { id: 3, name: "Palace", price_cents: MAX_MONEY_CENTS }],
]);

test("lines of one product are merged and keep the place of the first", () => {
  const items = [
    { product_id: 2, quantity: 1 },
    { product_id: 1, quantity: 2 },
    { product_id: 2, quantity: 3 },
  ];
  expect(priceOrder(items, prices)).toEqual({
    value: {
      lines: [
        { product_id: 2, name: "Teapot", quantity: 4, unit_price_cents: 2_500 },
        { product_id: 1, name: "Kettle", quantity: 2, unit_price_cents: 4_990 },
      ],
      total_cents: 19_980,
    },
  });
});

test.each([
  ["order.not_a_product", [{ product_id: 99, quantity: 1 }]],
  ["order.quantity_too_large", [1, 2].map(() => ({ product_id: 1, quantity: MAX_QUANTITY }))],
  ["order.total_too_large", [{ product_id: 3, quantity: 2 }]],
])("an order that can't be is refused as %s", (code, items) => {
  expect(priceOrder(items, prices)).toMatchObject({ error: { code } });
});

test("every unknown product is named with its place", () => {
  const items = [98, 1, 99].map((product_id) => ({ product_id, quantity: 1 }));
  const refused = priceOrder(items, prices);
  expect(refused).toMatchObject({
    error: { errors: [{ path: "items[0].product_id" }, { path: "items[2].product_id" }] },
  });
});

test("the total is the sum of the lines, whatever is ordered in whatever order", () => {
  const line = fc.record({ product_id: fc.constantFrom(1, 2), quantity: fc.integer({ min: 1, max: 100 }) });
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 10 }), (items) => {
      const priced = priceOrder(items, prices);
      const expected = items.reduce(
        (sum, item) => sum + item.quantity * (prices.get(item.product_id)?.price_cents ?? NaN),
        0,
      );
      expect("value" in priced && priced.value.total_cents).toBe(expected);
    }),
  );
});
