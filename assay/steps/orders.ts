import { type DataTable, Given, Then, When } from "@cucumber/cucumber";
import { type Exchange, send } from "../src/http/exchange.ts";
import { fault } from "../src/http/fault.ts";
import { bodyOf, expectValue, fieldOf, headerOf, integerOf, nameOf, rowsOf, textOf } from "../src/http/reading.ts";
import { expectSuccess, succeeded } from "../src/http/refusal.ts";
import {
  type Act,
  actOn,
  becomes,
  cancelOrder,
  listOrders,
  order,
  type OrderStatus,
  placedOf,
  readOrder,
  type Wish,
} from "../src/shop/orders.ts";
import { expectStock } from "./products.ts";
import type { Shop } from "./world.ts";

const SETTLED_WITHIN_MS = 5000;
const NOBODY_SELLS = 2_000_000_000;

/** The lines of an order in the words of a feature: `2 "Kettle" and 1 "Teapot"`. */
export const WISHES = String.raw`(\d+ "[^"]+"(?: and \d+ "[^"]+")*)`;

/** Reads the words of WISHES; a label is a product or, where a scenario tries it, an item. */
export function wishesOf(shop: Shop, words: string): Wish[] {
  return Array.from(words.matchAll(/(\d+) "([^"]+)"/g), ([, quantity, label = ""]) => ({
    product_id: (shop.products.get(label) ?? shop.item(label)).id,
    quantity: Number(quantity),
  }));
}

/** The Idempotency-Key that a scenario calls by this name. */
export function keyOf(shop: Shop, name: string | null): string | undefined {
  return name === null ? undefined : `${name}-${shop.mark}`;
}

/** Sends an order and remembers it when it was taken. `who` is a person or a visitor. */
export async function orderAs(shop: Shop, who: string, wishes: Wish[], key?: string): Promise<Exchange> {
  const buyer = shop.sender(who);
  const exchange = await order(shop, buyer, { wishes, key });
  shop.orderAnswers.push(exchange);
  if (buyer !== undefined && exchange.answer.status < 300) shop.orders.push(placedOf(exchange, buyer));
  return exchange;
}

When(
  new RegExp(`^([A-Z][a-z]+|a visitor) orders ${WISHES}(?: under the key "([^"]+)")?$`),
  async function (this: Shop, who: string, words: string, key: string | null) {
    this.answer = await orderAs(this, who, wishesOf(this, words), keyOf(this, key));
  },
);

When(
  new RegExp(`^([A-Z][a-z]+) orders ${WISHES} under (an empty key|a key of 256 letters)$`),
  async function (this: Shop, who: string, words: string, what: string) {
    this.answer = await orderAs(this, who, wishesOf(this, words), what === "an empty key" ? "" : "k".repeat(256));
  },
);

When(
  /^([A-Z][a-z]+) orders 1 of something that nobody sells(?: under the key "([^"]+)")?$/,
  async function (this: Shop, who: string, key: string | null) {
    this.answer = await orderAs(this, who, [{ product_id: NOBODY_SELLS, quantity: 1 }], keyOf(this, key));
  },
);

/** What is no quantity, by the words of the features. */
const noQuantities: Record<string, unknown> = {
  "zero times": 0,
  "minus two times": -2,
  "one and a half times": 1.5,
  "as many times as a text says": "2",
  "more times than a number can hold": 1e30,
};

When(
  new RegExp(`^([A-Z][a-z]+) orders "([^"]+)" (${Object.keys(noQuantities).join("|")})$`),
  async function (this: Shop, who: string, label: string, what: string) {
    this.answer = await orderAs(this, who, [{ product_id: this.product(label).id, quantity: noQuantities[what] }]);
  },
);

When("{person} orders nothing at all", async function (this: Shop, who: string) {
  this.answer = await orderAs(this, who, []);
});

When("{person} orders {string} at a price of their own", async function (this: Shop, who: string, label: string) {
  const cheap: Wish & { price_cents: number } = { product_id: this.product(label).id, quantity: 1, price_cents: 1 };
  this.answer = await orderAs(this, who, [cheap]);
});

Given(new RegExp(`^([A-Z][a-z]+) has ${WISHES} reserved$`), async function (this: Shop, who: string, words: string) {
  this.answer = succeeded(await orderAs(this, who, wishesOf(this, words)));
  await becomes(this, this.lastOrder, "reserved", SETTLED_WITHIN_MS);
});

Then("the order is accepted as pending", function (this: Shop) {
  expectSuccess(this.answer, 202, "accepted");
  expectValue(fieldOf(bodyOf(this.answer), "status"), "pending");
});

Then("the answer says where the order is found", async function (this: Shop) {
  const place = new URL(headerOf(this.answer, "location"), this.target);
  const found = succeeded(await send(this, this.lastOrder.buyer, `GET /${place.pathname.slice(1)}`));
  expectValue(fieldOf(bodyOf(found), "id"), this.lastOrder.id);
});

Then(
  /^within (\d+) seconds the order is (reserved|rejected|cancelled|paid|shipped|delivered)$/,
  async function (this: Shop, seconds: string, status: OrderStatus) {
    await becomes(this, this.lastOrder, status, Number(seconds) * 1000);
  },
);

Then("the order is still reserved", async function (this: Shop) {
  expectValue(fieldOf(await shownToBuyer(this), "status"), "reserved");
});

async function shownToBuyer(shop: Shop) {
  return bodyOf(succeeded(await readOrder(shop, shop.lastOrder.buyer, shop.lastOrder.id)));
}

Then("the order costs {int} cents", async function (this: Shop, cents: number) {
  expectValue(fieldOf(await shownToBuyer(this), "total_cents"), cents);
});

Then("the order has the lines:", async function (this: Shop, table: DataTable) {
  const shown = await shownToBuyer(this);
  const lines = rowsOf(shown, "items").map((row) => [integerOf(row, "product_id"), integerOf(row, "quantity")]);
  const expected = table.hashes().map((row) => [this.product(row["product"] ?? "").id, Number(row["quantity"])]);
  expectSameRows(shown.exchange, lines, expected);
});

Then("the order says that these were missing:", async function (this: Shop, table: DataTable) {
  const shown = await shownToBuyer(this);
  textOf(shown, "reject_reason");
  const missing = rowsOf(shown, "shortfalls").map((row) => [
    integerOf(row, "product_id"),
    integerOf(row, "requested"),
    integerOf(row, "available"),
  ]);
  const expected = table
    .hashes()
    .map((row) => [this.product(row["product"] ?? "").id, Number(row["wanted"]), Number(row["there"])]);
  expectSameRows(shown.exchange, missing, expected);
});

function expectSameRows(exchange: Exchange, rows: number[][], expected: number[][]): void {
  const sorted = (list: number[][]) => JSON.stringify(list.toSorted(([a = 0], [b = 0]) => a - b));
  if (sorted(rows) === sorted(expected)) return;
  throw fault(exchange, `${nameOf(exchange)}: expected ${sorted(expected)}, but it says ${sorted(rows)}`);
}

Then(/^the history of the order tells: (.+)$/, async function (this: Shop, states: string) {
  const shown = await shownToBuyer(this);
  const told = rowsOf(shown, "history").map((row) => textOf(row, "status"));
  if (told.join(", ") !== states) {
    throw fault(shown.exchange, `The history tells "${told.join(", ")}" and not "${states}"`);
  }
});

When("{person} reads the order of {person}", async function (this: Shop, reader: string, owner: string) {
  const theirs = this.orders.findLast(({ buyer }) => buyer.name === owner);
  if (theirs === undefined) throw fault(undefined, `${owner} has no order in this scenario`);
  this.answer = await readQuietly(this, reader, theirs.id);
});

When("{person} reads an order that does not exist", async function (this: Shop, reader: string) {
  this.answers = [...this.answers, await readQuietly(this, reader, NOBODY_SELLS)];
});

// The request names itself, because a refusal repeats the name of its request and could not be the same without it.
function readQuietly(shop: Shop, reader: string, id: number): Promise<Exchange> {
  const headers = { "x-correlation-id": "assay-same-refusal" };
  return send(shop, shop.member(reader), `GET /api/v2/orders/${id}`, { headers });
}

Then("the order is shown", function (this: Shop) {
  expectSuccess(this.answer, 200, "here is the order");
  expectValue(fieldOf(bodyOf(this.answer), "id"), this.lastOrder.id);
});

Then(/^([A-Z][a-z]+) has (\d+) orders?$/, async function (this: Shop, who: string, count: string) {
  const { ids, exchange } = await listOrders(this, this.member(who));
  if (ids.length !== Number(count)) throw fault(exchange, `${who} has ${ids.length} orders, not ${count}`);
});

/** What is done to an order, by the words of the features. */
const ACTS: Record<string, Act> = {
  "notes a payment of": "pay",
  ships: "ship",
  "notes the arrival of": "deliver",
};

When(
  new RegExp(`^([A-Z][a-z]+) (${Object.keys(ACTS).join("|")}) the order(?: under the reference "([^"]+)")?$`),
  async function (this: Shop, who: string, words: string, reference: string | null) {
    const act = ACTS[words] ?? "pay";
    const input = { act, reference: `${reference ?? "payment"}-${this.mark}` };
    this.answer = await actOn(this, this.member(who), this.lastOrder.id, input);
  },
);

When("{person} cancels the order", async function (this: Shop, who: string) {
  this.answer = await cancelOrder(this, this.member(who), this.lastOrder.id);
});

When("{person} cancels the order of {person}", async function (this: Shop, who: string, _owner: string) {
  this.answer = await cancelOrder(this, this.member(who), this.lastOrder.id);
});

When(
  "{person} cancels the order {int} times at the same time",
  async function (this: Shop, who: string, times: number) {
    const { id } = this.lastOrder;
    const member = this.member(who);
    this.answers = await Promise.all(Array.from({ length: times }, () => cancelOrder(this, member, id)));
  },
);

When(
  new RegExp(`^([A-Z][a-z]+) orders ${WISHES} and cancels at once$`),
  async function (this: Shop, who: string, words: string) {
    succeeded(await orderAs(this, who, wishesOf(this, words)));
    this.answer = succeeded(await cancelOrder(this, this.member(who), this.lastOrder.id));
  },
);

// The stock is sold and not only read, because a counter can look right while the reservations behind it are not.
Then(
  "exactly {int} {string} can be sold to {person}",
  async function (this: Shop, pieces: number, label: string, who: string) {
    await expectStock(this, label, { pieces, withinMs: SETTLED_WITHIN_MS });
    const { id } = this.product(label);
    succeeded(await orderAs(this, who, [{ product_id: id, quantity: pieces }]));
    await becomes(this, this.lastOrder, "reserved", SETTLED_WITHIN_MS);
    succeeded(await orderAs(this, who, [{ product_id: id, quantity: 1 }]));
    await becomes(this, this.lastOrder, "rejected", SETTLED_WITHIN_MS);
  },
);
