import { Given, Then, When } from "@cucumber/cucumber";
import { fault } from "../src/http/fault.ts";
import { bodyOf, expectValue, fieldOf, nameOf } from "../src/http/reading.ts";
import { expectRefusal, expectSuccess, succeeded } from "../src/http/refusal.ts";
import { eventually, FRESH_WITHIN_MS } from "../src/poll.ts";
import { readItem } from "../src/shop/items.ts";
import { employ } from "../src/shop/people.ts";
import { availableOf, bookStock, productOf, readProduct, reprice, shelve } from "../src/shop/products.ts";
import type { Shop } from "./world.ts";

const USUAL_PRICE_CENTS = 4900;

async function stockUp(shop: Shop, label: string, priceCents: number, stock: number): Promise<void> {
  const staff = await employ(shop, "Staff", shop.parameters.staff);
  shop.products.set(label, productOf(label, await shelve(shop, staff, { label, priceCents, stock })));
}

Given("a product {string} with a stock of {int}", async function (this: Shop, label: string, stock: number) {
  await stockUp(this, label, USUAL_PRICE_CENTS, stock);
});

Given(
  "a product {string} for {int} cents with a stock of {int}",
  async function (this: Shop, label: string, cents: number, stock: number) {
    await stockUp(this, label, cents, stock);
  },
);

When(
  "{person} puts a product {string} on the shelf for {int} cents with a stock of {int}",
  async function (this: Shop, who: string, label: string, cents: number, stock: number) {
    this.answer = await shelve(this, this.member(who), { label, priceCents: cents, stock });
    if (this.answer.answer.status === 201) this.products.set(label, productOf(label, this.answer));
  },
);

Then("the product {string} is created", function (this: Shop, label: string) {
  expectSuccess(this.answer, 201, "created");
  expectValue(fieldOf(bodyOf(this.answer), "name"), this.product(label).name);
});

Then(
  "everybody sees the product {string} for {int} cents with a stock of {int}",
  async function (this: Shop, label: string, cents: number, stock: number) {
    await eventually(FRESH_WITHIN_MS, async () => {
      const product = bodyOf(succeeded(await readProduct(this, this.product(label).id)));
      expectValue(fieldOf(product, "name"), this.product(label).name);
      expectValue(fieldOf(product, "price_cents"), cents);
      expectValue(fieldOf(product, "available"), stock);
      expectValue(fieldOf(product, "in_stock"), stock > 0);
    });
  },
);

Then(
  "everybody finds {string} among the items for {int} cents",
  async function (this: Shop, label: string, cents: number) {
    const item = bodyOf(succeeded(await readItem(this, this.product(label).id)));
    expectValue(fieldOf(item, "title"), this.product(label).name);
    expectValue(fieldOf(item, "price_cents"), cents);
  },
);

Then("nobody finds a product {string}", async function (this: Shop, label: string) {
  expectRefusal(await readProduct(this, this.item(label).id), "as if it did not exist");
});

When("the price of {string} rises to {int} cents", async function (this: Shop, label: string, cents: number) {
  const staff = await employ(this, "Staff", this.parameters.staff);
  this.answer = succeeded(await reprice(this, staff, this.product(label).id, cents));
});

When(
  /^([A-Z][a-z]+) books (\d+ "[^"]+") (in|out) because of "([^"]+)"$/,
  async function (this: Shop, who: string, goods: string, way: string, reason: string) {
    const [, pieces, label = ""] = /(\d+) "([^"]+)"/.exec(goods) ?? [];
    const delta = way === "in" ? Number(pieces) : -Number(pieces);
    this.answer = await bookStock(this, this.member(who), { id: this.product(label).id, delta, reason });
  },
);

const DEADLINE_WORDS = /^(?:within (\d+) seconds )?the stock of "([^"]+)" is (\d+)$/;

Then(DEADLINE_WORDS, async function (this: Shop, seconds: string | null, label: string, pieces: string) {
  const withinMs = seconds === null ? FRESH_WITHIN_MS : Number(seconds) * 1000;
  await expectStock(this, label, { pieces: Number(pieces), withinMs });
});

/** Waits until as many pieces of the product can be sold. */
export async function expectStock(
  shop: Shop,
  label: string,
  { pieces, withinMs }: { pieces: number; withinMs: number },
): Promise<void> {
  await eventually(withinMs, async () => {
    const found = await availableOf(shop, shop.product(label).id);
    if (found.pieces === pieces) return;
    throw fault(found.exchange, `${nameOf(found.exchange)}: ${found.pieces} "${label}" can be sold, not ${pieces}`);
  });
}
