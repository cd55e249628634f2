import { Given, Then, When } from "@cucumber/cucumber";
import { fault } from "../src/http/fault.ts";
import { bodyOf, expectValue, fieldOf, integerOf, nameOf } from "../src/http/reading.ts";
import { succeeded } from "../src/http/refusal.ts";
import { listItems, pageOf, putUp, walkByCursor, walkBySkipping } from "../src/shop/items.ts";
import { join } from "../src/shop/people.ts";
import type { Shop } from "./world.ts";

async function putUpMany(shop: Shop, who: string, count: number): Promise<void> {
  const owner = shop.member(who);
  for (let index = 0; index < count; index += 1) {
    const title = `Item ${shop.items.size + 1}`;
    const exchange = succeeded(await putUp(shop, owner, { title, price_cents: 100 }));
    shop.items.set(title, { id: integerOf(bodyOf(exchange), "id"), owner });
  }
}

Given("{person} is a customer with {int} items", async function (this: Shop, who: string, count: number) {
  const member = await join(this, who);
  this.people.set(who, member);
  this.members.set(who, member);
  await putUpMany(this, who, count);
});

Given("{person} has {int} items more", async function (this: Shop, who: string, count: number) {
  await putUpMany(this, who, count);
});

When(
  "the list of {person} is read in pages of {int} by skipping",
  async function (this: Shop, owner: string, limit: number) {
    this.pages = await walkBySkipping(this, this.member(owner).id, limit);
  },
);

When(
  "the list of {person} is read in pages of {int} by the cursor",
  async function (this: Shop, owner: string, limit: number) {
    this.pages = await walkByCursor(this, this.member(owner).id, { limit });
  },
);

// Enough to shift every page of a walk by offset, few enough for a list in order of creation to come to its end.
const NEWCOMERS_MAX = 5;

When(
  "the list of {person} is read in pages of {int} by the cursor while {person} puts up more items",
  async function (this: Shop, owner: string, limit: number, putter: string) {
    let arrived = 0;
    const meanwhile = async () => {
      if (arrived >= NEWCOMERS_MAX) return;
      arrived += 1;
      succeeded(await putUp(this, this.member(putter), { title: "Newcomer", price_cents: 100 }));
    };
    this.pages = await walkByCursor(this, this.member(owner).id, { limit, meanwhile });
  },
);

const PAGES_SHOWN = 10;

Then(/^the pages hold ((?:\d+, )*\d+ and \d+) items$/, function (this: Shop, counts: string) {
  const expected = counts.replace(" and ", ", ");
  const lengths = this.pages.map((ids) => ids.length);
  const shown = lengths.slice(0, PAGES_SHOWN).join(", ");
  const held = lengths.length > PAGES_SHOWN ? `${shown} and so on, on ${lengths.length} pages,` : shown;
  if (held !== expected) throw fault(this.exchanges.at(-1), `The pages hold ${held} items, not ${expected}`);
});

Then("every item of {person} was seen once", function (this: Shop, owner: string) {
  expectSeenOnce(this, idsOf(this, owner));
  const extra = this.pages.flat().length - this.items.size;
  if (extra !== 0) throw fault(this.exchanges.at(-1), `The walk saw ${extra} items that ${owner} does not have`);
});

Then("every item that was there before was seen once", function (this: Shop) {
  expectSeenOnce(
    this,
    Array.from(this.items.values(), ({ id }) => id),
  );
});

function idsOf(shop: Shop, owner: string): number[] {
  const { id: ownerId } = shop.member(owner);
  return Array.from(shop.items.values())
    .filter((item) => item.owner.id === ownerId)
    .map(({ id }) => id);
}

function expectSeenOnce(shop: Shop, expected: number[]): void {
  const seen = shop.pages.flat();
  const missed = expected.filter((id) => !seen.includes(id));
  const doubled = expected.filter((id) => seen.indexOf(id) !== seen.lastIndexOf(id));
  if (missed.length === 0 && doubled.length === 0) return;
  const said = `missed ${missed.length} of ${expected.length} items and saw ${doubled.length} of them twice`;
  throw fault(shop.exchanges.at(-1), `The walk over ${shop.pages.length} pages ${said}`);
}

When("a visitor lists the items of {person}", async function (this: Shop, owner: string) {
  this.answer = await listItems(this, { owner_id: this.member(owner).id });
});

/** Pages that can't be, by the words of the features. */
const noPages: Record<string, Record<string, string | number>> = {
  "with a limit of nothing": { limit: 0 },
  "with a limit below zero": { limit: -1 },
  "with a limit of 101": { limit: 101 },
  "with a limit that is a word": { limit: "many" },
  "from before the beginning": { skip: -1 },
  "from beyond what a number can hold": { skip: "99999999999999999999" },
  "with a cursor that somebody made up": { cursor: "bm90LWEtY3Vyc29y" },
};

When(
  new RegExp(`^a visitor lists the items of ([A-Z][a-z]+) (${Object.keys(noPages).join("|")})$`),
  async function (this: Shop, owner: string, page: string) {
    this.answer = await listItems(this, { owner_id: this.member(owner).id, ...noPages[page] });
  },
);

When(
  "a visitor lists the items of {person} with both a cursor and a place to start",
  async function (this: Shop, owner: string) {
    const owner_id = this.member(owner).id;
    const first = await listItems(this, { owner_id, limit: 2 });
    const cursor = String(fieldOf(bodyOf(succeeded(first)), "next_cursor").value);
    this.answer = await listItems(this, { owner_id, limit: 2, cursor, skip: 2 });
  },
);

Then("the list shows {int} items", function (this: Shop, count: number) {
  const rows = pageOf(this.answer);
  if (rows.length !== count)
    throw fault(this.answer, `${nameOf(this.answer)} shows ${rows.length} items, not ${count}`);
});

Then("each item of the list carries the name of {person}", function (this: Shop, name: string) {
  const { id, fullName } = this.member(name);
  for (const row of pageOf(this.answer)) {
    expectValue(fieldOf(fieldOf(row, "owner"), "id"), id);
    expectValue(fieldOf(fieldOf(row, "owner"), "full_name"), fullName);
  }
  if (pageOf(this.answer).length === 0) throw fault(this.answer, `The list of ${name} is empty`);
});
