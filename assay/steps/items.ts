import { Given, Then, When } from "@cucumber/cucumber";
import { type Exchange, send } from "../src/http/exchange.ts";
import { fault } from "../src/http/fault.ts";
import {
  bodyOf,
  expectValue,
  fieldOf,
  headerOf,
  integerOf,
  misread,
  nameOf,
  type Reading,
} from "../src/http/reading.ts";
import { expectRefusal, expectSuccess, succeeded } from "../src/http/refusal.ts";
import {
  type Change,
  changeItem,
  copyOf,
  type ItemText,
  listItems,
  pageOf,
  putUp,
  readItem,
  replaceItem,
  takeDown,
  tryChange,
} from "../src/shop/items.ts";
import { eventually, FRESH_WITHIN_MS } from "../src/poll.ts";
import type { Shop } from "./world.ts";

const LIST_LIMIT = 100;

/** Puts up an item and remembers it under its title when it was taken. */
async function putUpAs(shop: Shop, who: string, item: Record<string, unknown>): Promise<Exchange> {
  const exchange = await putUp(shop, shop.sender(who), item);
  if (exchange.answer.status === 201 && shop.members.has(who)) {
    shop.items.set(String(item["title"]), { id: integerOf(bodyOf(exchange), "id"), owner: shop.member(who) });
  }
  return exchange;
}

Given(
  "{person} has the item {string} with the description {string} for {int} cents",
  async function (this: Shop, who: string, title: string, description: string, cents: number) {
    this.answer = succeeded(await putUpAs(this, who, { title, description, price_cents: cents }));
  },
);

When(
  "{person} puts up an item {string} with the description {string} for {int} cents",
  async function (this: Shop, who: string, title: string, description: string, cents: number) {
    this.answer = await putUpAs(this, who, { title, description, price_cents: cents });
  },
);

When("{sender} puts up an item {string}", async function (this: Shop, who: string, title: string) {
  this.answer = await putUpAs(this, who, { title, price_cents: 2500 });
});

When(
  "{person} puts up an item {string} for {person}",
  async function (this: Shop, who: string, title: string, owner: string) {
    this.answer = await putUpAs(this, who, { title, price_cents: 2500, owner_id: this.member(owner).id });
  },
);

/** What is no item, by the words of the features. */
const noItems: Record<string, Record<string, unknown>> = {
  "without a title": { price_cents: 100 },
  "with an empty title": { title: "", price_cents: 100 },
  "with a title that is a number": { title: 12, price_cents: 100 },
  "with a price below zero": { title: "Lamp", price_cents: -1 },
  "with a price of half a cent": { title: "Lamp", price_cents: 0.5 },
  "with a price written as text": { title: "Lamp", price_cents: "100" },
  "with a price that no column can hold": { title: "Lamp", price_cents: 1e30 },
  "with a field that nobody knows": { title: "Lamp", price_cents: 100, is_free: true },
  "with two mistakes": { title: "", price_cents: -1 },
};

When(
  new RegExp(`^([A-Z][a-z]+) puts up an item (${Object.keys(noItems).join("|")})$`),
  async function (this: Shop, who: string, what: string) {
    this.answer = await putUp(this, this.member(who), noItems[what]);
  },
);

Then("the item {string} is created", function (this: Shop, label: string) {
  expectSuccess(this.answer, 201, "created");
  expectValue(fieldOf(bodyOf(this.answer), "title"), label);
});

Then("the answer says where the item {string} is found", async function (this: Shop, label: string) {
  const place = new URL(headerOf(this.answer, "location"), this.target);
  const found = succeeded(await send(this, undefined, `GET /${place.pathname.slice(1)}`));
  expectValue(fieldOf(bodyOf(found), "id"), this.item(label).id);
});

Then("the item {string} belongs to {person}", async function (this: Shop, label: string, owner: string) {
  const item = succeeded(await readItem(this, this.item(label).id));
  expectValue(fieldOf(bodyOf(item), "owner_id"), this.member(owner).id);
});

Then(
  /^everybody reads the item "([^"]+)" (?:with the description "([^"]*)"|without a description) for (\d+) cents$/,
  async function (this: Shop, label: string, description: string | null, cents: string) {
    await eventually(FRESH_WITHIN_MS, async () => {
      const item = bodyOf(succeeded(await readItem(this, this.item(label).id)));
      expectValue(fieldOf(item, "price_cents"), Number(cents));
      expectDescription(fieldOf(item, "description"), description);
    });
  },
);

function expectDescription(reading: Reading, expected: string | null): void {
  if (expected !== null) expectValue(reading, expected);
  else if (reading.value !== null && reading.value !== "") throw misread(reading, "to be empty");
}

When("a visitor reads the item behind a number that nobody has", async function (this: Shop) {
  this.answer = await readItem(this, 2_000_000_000);
});

When(
  /^a visitor reads the item behind (a number that no column can hold|a word|a negative number)$/,
  async function (this: Shop, what: string) {
    const id = what === "a word" ? "kettle" : what === "a negative number" ? "-1" : "99999999999999999999";
    this.answer = await readItem(this, id);
  },
);

When(
  "{person} replaces the item {string} by one without a description for {int} cents",
  async function (this: Shop, who: string, label: string, cents: number) {
    const item: ItemText = { title: label, price_cents: cents };
    this.answer = succeeded(await replaceItem(this, this.member(who), { id: this.item(label).id, item }));
  },
);

When(
  /^([A-Z][a-z]+) changes the price of the item "([^"]+)" to (\d+) cents( starting from the kept copy)?$/,
  async function (this: Shop, who: string, label: string, cents: string, kept: string | null) {
    const copy = kept === null ? undefined : this.copy(label);
    const change = { id: this.item(label).id, item: { price_cents: Number(cents) }, copy };
    this.answer = succeeded(await changeItem(this, this.member(who), change));
  },
);

When(
  "{person} changes the price of the item {string} {int} times at the same time starting from the kept copy",
  async function (this: Shop, who: string, label: string, times: number) {
    const [copy, member, { id }] = [this.copy(label), this.member(who), this.item(label)];
    const prices = Array.from({ length: times }, (_, index) => 1000 + index);
    this.answers = await Promise.all(
      prices.map((cents) => changeItem(this, member, { id, item: { price_cents: cents }, copy })),
    );
  },
);

When("{person} takes down the item {string}", async function (this: Shop, who: string, label: string) {
  this.answer = succeeded(await takeDown(this, this.member(who), { id: this.item(label).id }));
});

When(
  "{sender} tries to {change} the item {string}",
  async function (this: Shop, who: string, change: Change, label: string) {
    this.answer = await tryChange(this, this.sender(who), { change, id: this.item(label).id });
  },
);

When(
  "{person} tries to {change} the item {string} starting from the kept copy",
  async function (this: Shop, who: string, change: Change, label: string) {
    const copy = this.copy(label);
    this.answer = await tryChange(this, this.sender(who), { change, id: this.item(label).id, copy });
  },
);

Given("{person} reads the item {string} and keeps the copy", async function (this: Shop, _who: string, label: string) {
  this.answer = await readItem(this, this.item(label).id);
  this.copies.set(label, copyOf(this.answer));
});

Then("the item {string} is not sent again to who has the copy", async function (this: Shop, label: string) {
  this.answer = await readItem(this, this.item(label).id, { "if-none-match": this.copy(label) });
  expectSuccess(this.answer, 304, "your copy is still right");
});

Then("the item {string} is sent again to who has the copy", async function (this: Shop, label: string) {
  await eventually(FRESH_WITHIN_MS, async () => {
    this.answer = await readItem(this, this.item(label).id, { "if-none-match": this.copy(label) });
    expectSuccess(this.answer, 200, "here is the new one");
  });
});

Then("nobody finds the item {string} any more", async function (this: Shop, label: string) {
  await eventually(FRESH_WITHIN_MS, async () => {
    expectRefusal(await readItem(this, this.item(label).id), "as if it did not exist");
  });
});

Then(
  "nobody finds the item {string} in the list of {person} any more",
  async function (this: Shop, label: string, owner: string) {
    const { id } = this.item(label);
    await eventually(FRESH_WITHIN_MS, async () => {
      const list = await listItems(this, { owner_id: this.member(owner).id, limit: LIST_LIMIT });
      if (!pageOf(list).some((row) => integerOf(row, "id") === id)) return;
      throw fault(list, `${nameOf(list)} still lists the item ${id}, which was taken down`);
    });
  },
);

Then(/^the list of ([A-Z][a-z]+) holds (\d+) items?$/, async function (this: Shop, owner: string, count: string) {
  const list = await listItems(this, { owner_id: this.member(owner).id, limit: LIST_LIMIT });
  const rows = pageOf(list);
  if (rows.length !== Number(count)) throw fault(list, `The list of ${owner} holds ${rows.length} items, not ${count}`);
});
