import { After, Given, Then, When } from "@cucumber/cucumber";
import { type Exchange, send } from "../src/http/exchange.ts";
import { fault } from "../src/http/fault.ts";
import { bodyOf, expectValue, fieldOf, misread, type Reading, rowsOf, textOf } from "../src/http/reading.ts";
import { succeeded } from "../src/http/refusal.ts";
import { eventually } from "../src/poll.ts";
import { order, placedOf } from "../src/shop/orders.ts";
import { amountOf, listQueues, listSchedules, manageConsumer, queueOf, readJourney } from "../src/shop/operations.ts";
import type { Member } from "../src/shop/people.ts";
import { wishesOf, WISHES } from "./orders.ts";
import type { Shop } from "./world.ts";

const NO_DEAD_LETTER = "999999999.nobody.cares";
const CHANGES_READ = 50;

When("{person} looks at the queues", async function (this: Shop, who: string) {
  const queues = await listQueues(this, this.member(who));
  if (queues.length === 0) throw fault(this.exchanges.at(-1), "There is no queue at all");
});

Then("each queue tells what waits, its age and how much was done", async function (this: Shop) {
  const rows = rowsOf(bodyOf(last(this)), "data");
  for (const row of rows) {
    textOf(row, "consumer");
    for (const name of ["waiting", "retrying", "dead", "oldest_age_seconds", "handled_last_minute"])
      amountOf(row, name);
  }
});

Then(
  /^within (\d+) seconds the queue of "([^"]+)" has handled something lately$/,
  async function (this: Shop, s, word) {
    const staff = crewOf(this);
    await eventually(Number(s) * 1000, async () => {
      const queue = await queueOf(this, staff, String(word));
      if (amountOf(queue, "handled_last_minute") === 0) throw misread(queue, "to have handled something");
    });
  },
);

Given("{person} pauses the consumer of {string}", async function (this: Shop, who: string, word: string) {
  const admin = this.member(who);
  const name = textOf(await queueOf(this, admin, word), "consumer");
  // Whatever becomes of the scenario, the shop is to go on.
  this.undo.push(async () => void (await manageConsumer(this, admin, name, "resume")));
  this.answer = succeeded(await manageConsumer(this, admin, name, "pause"));
});

When("{person} lets the consumer of {string} go on", async function (this: Shop, who: string, word: string) {
  const name = textOf(await queueOf(this, this.member(who), word), "consumer");
  this.answer = succeeded(await manageConsumer(this, this.member(who), name, "resume"));
});

When("{person} tries to pause a consumer that does not exist", async function (this: Shop, who: string) {
  this.answer = await manageConsumer(this, this.member(who), "nobody.there", "pause");
});

Then("something waits in the queue of {string}", async function (this: Shop, word: string) {
  const queue = await queueOf(this, crewOf(this), word);
  if (openIn(queue) === 0) throw misread(queue, "to hold something");
});

Then(/^within (\d+) seconds nothing waits in the queue of "([^"]+)"$/, async function (this: Shop, seconds, word) {
  const crew = crewOf(this);
  await eventually(Number(seconds) * 1000, async () => {
    const queue = await queueOf(this, crew, String(word));
    if (openIn(queue) > 0) throw misread(queue, "to hold nothing");
  });
});

function openIn(queue: Reading): number {
  return amountOf(queue, "waiting") + amountOf(queue, "retrying");
}

Then(/^the queue of "([^"]+)" is( not)? paused$/, async function (this: Shop, word: string, not: string | null) {
  expectValue(fieldOf(await queueOf(this, crewOf(this), word), "paused"), not === null);
});

When("{person} reads the dead letters", async function (this: Shop, who: string) {
  this.answer = succeeded(await send(this, this.member(who), "GET /api/v1/operations/dead-letters?limit=100"));
});

Then("each dead letter tells its payload, its error and its attempts", function (this: Shop) {
  for (const row of rowsOf(bodyOf(this.answer), "data")) {
    for (const name of ["payload", "error"]) fieldOf(row, name);
    amountOf(row, "attempts");
    textOf(row, "id");
  }
});

When("{person} replays a dead letter that does not exist", async function (this: Shop, who: string) {
  this.answer = await send(this, this.member(who), `POST /api/v1/operations/dead-letters/${NO_DEAD_LETTER}/replay`);
});

When("{person} discards a dead letter that does not exist", async function (this: Shop, who: string) {
  this.answer = await send(this, this.member(who), `DELETE /api/v1/operations/dead-letters/${NO_DEAD_LETTER}`);
});

// Only those of a consumer that nobody is: the shop may be in use, and its dead letters are its own.
When("{person} replays all dead letters", async function (this: Shop, who: string) {
  const path = `/api/v1/operations/dead-letters/replay?consumer=assay.${this.mark}` as const;
  this.answer = await send(this, this.member(who), `POST ${path}`);
});

Then("it is told how many that were", function (this: Shop) {
  expectValue(fieldOf(bodyOf(succeeded(this.answer)), "replayed"), 0);
  expectValue(fieldOf(bodyOf(this.answer), "left"), 0);
});

Then("{person} finds the replay in the audit log", async function (this: Shop, who: string) {
  const audit = succeeded(await send(this, this.member(who), `GET /api/v1/operations/audit?limit=${CHANGES_READ}`));
  const found = rowsOf(bodyOf(audit), "data").some(({ value }) => JSON.stringify(value).includes(`assay.${this.mark}`));
  if (!found) throw fault(audit, "The audit log does not tell of the replay");
});

When(
  new RegExp(`^([A-Z][a-z]+) orders ${WISHES} with a correlation id$`),
  async function (this: Shop, who: string, words: string) {
    const buyer = this.member(who);
    const correlationId = `assay-${this.mark}`;
    const exchange = await order(this, buyer, { wishes: wishesOf(this, words), correlationId });
    this.orders.push(placedOf(exchange, buyer));
  },
);

Then(/^within (\d+) seconds the journey tells of: (.+)$/, async function (this: Shop, seconds: string, kinds: string) {
  const crew = crewOf(this);
  await eventually(Number(seconds) * 1000, async () => {
    this.answer = succeeded(await readJourney(this, crew, `assay-${this.mark}`));
    const told = new Set(rowsOf(bodyOf(this.answer), "entries").map((entry) => textOf(entry, "kind")));
    const missing = kinds.split(", ").filter((kind) => !told.has(kind));
    if (missing.length > 0) throw fault(this.answer, `The journey tells nothing of: ${missing.join(", ")}`);
  });
});

Then("the journey is told in the order in which it happened", function (this: Shop) {
  const moments = rowsOf(bodyOf(this.answer), "entries").map((entry) => Date.parse(textOf(entry, "occurred_at")));
  if (moments.every((moment, index) => index === 0 || moment >= (moments[index - 1] ?? 0))) return;
  throw fault(this.answer, "The journey is not told from the oldest to the newest");
});

When("{person} reads the journey of an id that nobody used", async function (this: Shop, who: string) {
  this.answer = await readJourney(this, this.member(who), `assay-unused-${this.mark}`);
});

When("{person} looks at the schedules", async function (this: Shop, who: string) {
  const schedules = await listSchedules(this, this.member(who));
  if (schedules.length === 0) throw fault(this.exchanges.at(-1), "There is no schedule at all");
});

Then("each schedule tells its pattern, its time zone and its next moment", function (this: Shop) {
  for (const row of rowsOf(bodyOf(last(this)), "data")) {
    for (const name of ["name", "cron", "timezone"]) textOf(row, name);
    if (Number.isNaN(Date.parse(textOf(row, "next_at")))) throw misread(fieldOf(row, "next_at"), "to be a moment");
  }
});

Then(/^within (\d+) seconds the schedule "([^"]+)" has succeeded after that$/, async function (this: Shop, s, name) {
  const crew = crewOf(this);
  const before = rowsOf(bodyOf(last(this)), "data").find((row) => textOf(row, "name") === name);
  const known = before === undefined ? null : fieldOf(before, "last_succeeded_at").value;
  await eventually(Number(s) * 1000, async () => {
    const row = (await listSchedules(this, crew)).find((one) => textOf(one, "name") === name);
    if (row === undefined) throw fault(last(this), `There is no schedule "${name}"`);
    const success = fieldOf(row, "last_succeeded_at");
    if (success.value === null || success.value === known) throw misread(success, "to be later than before");
  });
});

When("{person} tries to look at the schedules", async function (this: Shop, who: string) {
  this.answer = await send(this, this.member(who), "GET /api/v1/operations/schedules");
});

/** Somebody who may look at the machinery: of the scenario, if it has one. */
function crewOf(shop: Shop): Member {
  const crew = ["Sam", "Root"].map((name) => shop.members.get(name)).find((member) => member !== undefined);
  if (crew === undefined) throw fault(undefined, "The scenario has nobody who may look at the machinery");
  return crew;
}

function last(shop: Shop): Exchange {
  const exchange = shop.exchanges.at(-1);
  if (exchange === undefined) throw fault(undefined, "No step before this one has sent a request");
  return exchange;
}

After(async function (this: Shop) {
  for (const undo of this.undo) await undo();
});
