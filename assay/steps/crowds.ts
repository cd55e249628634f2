import { isDeepStrictEqual } from "node:util";
import { Then, When } from "@cucumber/cucumber";
import { fault } from "../src/http/fault.ts";
import { bodyOf, fieldOf, headerOf, integerOf, nameOf } from "../src/http/reading.ts";
import { endOf } from "../src/shop/orders.ts";
import { join, type Member } from "../src/shop/people.ts";
import { keyOf, orderAs, WISHES, wishesOf } from "./orders.ts";
import type { Shop } from "./world.ts";

// Hashing a password takes a processor for itself, so newcomers come in small groups and not all at once.
const NEWCOMERS_AT_ONCE = 4;

async function gather(shop: Shop, count: number): Promise<Member[]> {
  const names = Array.from({ length: count }, (_, index) => `Buyer${shop.members.size + index + 1}`);
  const buyers: Member[] = [];
  while (buyers.length < count) {
    const group = names.slice(buyers.length, buyers.length + NEWCOMERS_AT_ONCE);
    buyers.push(...(await Promise.all(group.map((name) => join(shop, name)))));
  }
  for (const buyer of buyers) shop.members.set(buyer.name, buyer);
  return buyers;
}

When(
  new RegExp(`^(\\d+) buyers order ${WISHES} at the same time$`),
  async function (this: Shop, count: string, words: string) {
    const buyers = await gather(this, Number(count));
    this.answers = await Promise.all(buyers.map(({ name }) => orderAs(this, name, wishesOf(this, words))));
  },
);

When(
  new RegExp(`^(\\d+) buyers order ${WISHES} while (\\d+) buyers order ${WISHES}$`),
  async function (this: Shop, count: string, words: string, otherCount: string, otherWords: string) {
    const [these, those] = [await gather(this, Number(count)), await gather(this, Number(otherCount))];
    // One of these, one of those, so that opposite orders meet.
    const turns = Array.from({ length: Math.max(these.length, those.length) }).flatMap((_, index) => [
      ...these.slice(index, index + 1).map((buyer) => ({ buyer, wishes: wishesOf(this, words) })),
      ...those.slice(index, index + 1).map((buyer) => ({ buyer, wishes: wishesOf(this, otherWords) })),
    ]);
    this.answers = await Promise.all(turns.map(({ buyer, wishes }) => orderAs(this, buyer.name, wishes)));
  },
);

Then(
  /^within (\d+) seconds (\d+) orders? (?:is|are) reserved and (\d+) orders? (?:is|are) rejected$/,
  async function (this: Shop, seconds: string, reserved: string, rejected: string) {
    const refused = this.answers.find(({ answer }) => answer.status !== 202);
    if (refused !== undefined) throw fault(refused, `${nameOf(refused)} should be accepted (202)`);
    const ends = await Promise.all(this.orders.map((placed) => endOf(this, placed, Number(seconds) * 1000)));
    const counted = (status: string) => ends.filter((end) => end === status).length;
    if (counted("reserved") === Number(reserved) && counted("rejected") === Number(rejected)) return;
    const said = `${counted("reserved")} reserved and ${counted("rejected")} rejected`;
    throw fault(this.answer, `Of ${ends.length} orders ${said}, not ${reserved} and ${rejected}`);
  },
);

When(
  new RegExp(`^([A-Z][a-z]+) orders ${WISHES} (\\d+) times at the same time under the key "([^"]+)"$`),
  async function (this: Shop, who: string, words: string, times: string, key: string) {
    const wishes = wishesOf(this, words);
    const sending = Array.from({ length: Number(times) }, () => orderAs(this, who, wishes, keyOf(this, key)));
    this.answers = await Promise.all(sending);
  },
);

Then("every answer is the same order, or says that the first one is still running", function (this: Shop) {
  const taken = this.answers.filter(({ answer }) => answer.status === 202);
  const [first] = taken;
  if (first === undefined) throw fault(this.answer, `None of ${this.answers.length} requests was accepted (202)`);
  const id = integerOf(bodyOf(first), "id");
  for (const exchange of this.answers) {
    if (exchange.answer.status === 409) headerOf(exchange, "retry-after");
    else if (exchange.answer.status !== 202)
      throw fault(exchange, `${nameOf(exchange)} should be the same order, or 409`);
    else if (integerOf(bodyOf(exchange), "id") !== id) throw fault(exchange, `The same key made a second order`);
  }
});

Then("both answers are the same order", function (this: Shop) {
  const [first, second] = this.orderAnswers.slice(-2);
  if (first === undefined || second === undefined) throw fault(undefined, "The scenario has not ordered twice");
  const same =
    first.answer.status === second.answer.status &&
    isDeepStrictEqual(bodyOf(first).value, bodyOf(second).value) &&
    headerOf(first, "location") === headerOf(second, "location");
  if (!same) {
    const id = JSON.stringify(fieldOf(bodyOf(first), "id").value);
    throw fault(second, `The answer is not that of the first order (${id}, ${first.answer.status})`);
  }
});

Then("the second answer says that it is a repetition", function (this: Shop) {
  const said = headerOf(this.answer, "idempotency-replayed");
  if (said !== "true") throw fault(this.answer, `Idempotency-Replayed says "${said}", not "true"`);
});
