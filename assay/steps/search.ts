import { randomInt } from "node:crypto";
import { Given, Then, When } from "@cucumber/cucumber";
import { fault } from "../src/http/fault.ts";
import { bodyOf, expectValue, fieldOf, integerOf } from "../src/http/reading.ts";
import { expectSuccess, succeeded } from "../src/http/refusal.ts";
import { eventually } from "../src/poll.ts";
import { changeItem, putUp, takeDown } from "../src/shop/items.ts";
import {
  completionsOf,
  correctionOf,
  countedIn,
  expectNoHit,
  FOUND_WITHIN_MS,
  hitOf,
  searchFor,
} from "../src/shop/search.ts";
import type { Shop } from "./world.ts";

const LETTERS = "bcdfghjklmnpqrtvwxz";
const WORD_LENGTH = 12;
const PREFIX_LENGTH = 8;
/** In `shop.items`: the item of a scenario that is named after its word. */
const LABEL = "with the word";

/** What people make of a word. The letters are all different from their neighbours, so each of these is another word. */
const TYPED: Record<string, (word: string) => string> = {
  "the word": (word) => word,
  "the word in capitals": (word) => word.toUpperCase(),
  "the beginning of the word": (word) => word.slice(0, PREFIX_LENGTH),
  "the word in quotes": (word) => `"${word}"`,
  "the word among signs": (word) => `& ${word} | !`,
  "the word behind an open quote": (word) => `"${word}`,
  "the word without one of its letters": (word) => word.slice(0, 4) + word.slice(5),
  "the word with two letters swapped": (word) => word.slice(0, 4) + word.charAt(5) + word.charAt(4) + word.slice(6),
  "the word with a wrong letter": (word) => `${word.slice(0, 6)}s${word.slice(7)}`,
};

Given("{person} has put up an item named after a word that nobody else uses", async function (this: Shop, who: string) {
  let word = "";
  while (word.length < WORD_LENGTH) {
    const letter = LETTERS.charAt(randomInt(LETTERS.length));
    if (!word.endsWith(letter)) word += letter;
  }
  const item = { title: `Thing ${word}`, price_cents: 500, category: `category ${word}` };
  const exchange = succeeded(await putUp(this, this.sender(who), item));
  this.word = word;
  this.items.set(LABEL, { id: integerOf(bodyOf(exchange), "id"), owner: this.member(who) });
});

When(new RegExp(`^a visitor searches for (${Object.keys(TYPED).join("|")})$`), function (this: Shop, what: string) {
  this.searched = TYPED[what]?.(this.word) ?? "";
});

When(/^a visitor searches for the text (.+)$/, async function (this: Shop, text: string) {
  this.answer = await searchFor(this, text);
});

When("a visitor searches for a text of {int} letters", async function (this: Shop, length: number) {
  this.answer = await searchFor(this, "a".repeat(length));
});

When(
  "{person} changes the price of the item with the word to {int} cents",
  async function (this: Shop, who: string, cents: number) {
    const change = { id: this.item(LABEL).id, item: { price_cents: cents } };
    this.answer = succeeded(await changeItem(this, this.sender(who), change));
  },
);

When("{person} takes down the item with the word", async function (this: Shop, who: string) {
  this.answer = succeeded(await takeDown(this, this.sender(who), { id: this.item(LABEL).id }));
});

Then("the item with the word is found", async function (this: Shop) {
  this.answer = await eventually(FOUND_WITHIN_MS, async () => {
    const exchange = await searchFor(this, this.searched);
    hitOf(exchange, this.item(LABEL).id);
    return exchange;
  });
});

Then("the item with the word is found for {int} cents", async function (this: Shop, cents: number) {
  await eventually(FOUND_WITHIN_MS, async () => {
    const hit = hitOf(await searchFor(this, this.word), this.item(LABEL).id);
    expectValue(fieldOf(hit, "price_cents"), cents);
  });
});

Then("the item with the word is found no more", async function (this: Shop) {
  await eventually(FOUND_WITHIN_MS, async () => expectNoHit(await searchFor(this, this.word), this.item(LABEL).id));
});

Then("the answer says that the word was searched for instead", function (this: Shop) {
  const correction = correctionOf(this.answer);
  if (correction !== this.word) throw fault(this.answer, `the text was taken for "${correction}"`);
});

Then("the beginning of the word is completed to the word", async function (this: Shop) {
  await eventually(FOUND_WITHIN_MS, async () => {
    const { exchange, texts } = await completionsOf(this, this.word.slice(0, PREFIX_LENGTH));
    if (!texts.includes(this.word)) throw fault(exchange, "the word is not among the completions");
  });
});

Then("the item with the word is found in its category and not in another", async function (this: Shop) {
  const { word } = this;
  const { id } = this.item(LABEL);
  await eventually(FOUND_WITHIN_MS, async () =>
    hitOf(await searchFor(this, word, { category: `category ${word}` }), id),
  );
  expectNoHit(await searchFor(this, word, { category: "another" }), id);
});

Then("the facets count the item in its category whichever category is asked for", async function (this: Shop) {
  const { word } = this;
  for (const category of [`category ${word}`, "another"]) {
    const exchange = await searchFor(this, word, { category });
    const count = countedIn(exchange, `category ${word}`);
    if (count !== 1) throw fault(exchange, `the category of the item is counted ${count} times, not once`);
  }
});

Then("the search is answered", function (this: Shop) {
  expectSuccess(this.answer, 200, "answered");
});
