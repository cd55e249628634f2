import { Given, Then, When } from "@cucumber/cucumber";
import { type Exchange, send } from "../src/http/exchange.ts";
import { fault } from "../src/http/fault.ts";
import { nameOf } from "../src/http/reading.ts";
import { expectRefusal, expectSuccess, succeeded } from "../src/http/refusal.ts";
import { eventually } from "../src/poll.ts";
import { linkTokenOf, type Mailbox, newestToken, openMailbox } from "../src/shop/mails.ts";
import { employ, logIn, newcomer, openAccount, type Person, tokenOf } from "../src/shop/people.ts";
import type { Shop } from "./world.ts";

/** Mails are queued, and sent by somebody else than who answers. */
const MAIL_WITHIN_MS = 10_000;
/** Every instance of a shop hears of a session's end within a second; the rest is for the way. */
const DEAD_WITHIN_MS = 2_000;
const MADE_UP = "q8Zr3kXbW1mT0yVd5nJc7hUf2gPs9aLe4oKi6tQwRxY";
// The request names itself: an answer that repeats the name could not be the same without it.
const SAME_NAME = { "x-correlation-id": "assay-same-answer" };

type Letters = { box: Mailbox; seen: Map<string, number>; kept: string | undefined };
const lettersOf = new WeakMap<Shop, Letters>();

/** The mailbox of the scenario, and how many links each had when the scenario looked last. */
function letters(shop: Shop): Letters {
  const known = lettersOf.get(shop);
  if (known === undefined) throw fault(undefined, "The scenario speaks of mails before it has found the mailbox");
  return known;
}

Given("the mailbox of the shop can be read", async function (this: Shop) {
  const staff = await employ(this, "the staff", this.parameters.staff);
  const box = await openMailbox(this, staff);
  // The contract asks for a mailbox only where no mails are sent: whoever sends them has nothing to show here.
  if (box === undefined) return "skipped";
  lettersOf.set(this, { box, seen: new Map(), kept: undefined });
  return undefined;
});

function askForPassword(shop: Shop, email: string): Promise<Exchange> {
  return send(shop, undefined, "POST /api/v1/auth/password-reset", { json: { email }, headers: SAME_NAME });
}

function choosePassword(shop: Shop, token: string, new_password: string): Promise<Exchange> {
  return send(shop, undefined, "POST /api/v1/auth/password-reset/confirm", { json: { token, new_password } });
}

async function linksTo(shop: Shop, email: string): Promise<string[]> {
  return (await letters(shop).box.mailsTo(email)).filter((mail) => linkTokenOf(mail) !== undefined);
}

When("{person} asks for a new password", async function (this: Shop, name: string) {
  this.answer = await askForPassword(this, this.person(name).email);
});

When("a stranger asks for a new password for an address that nobody has", async function (this: Shop) {
  this.answers = [...this.answers, await askForPassword(this, newcomer("Stranger").email)];
});

When("{person} asks for a new password {int} times", async function (this: Shop, name: string, times: number) {
  const answers: Exchange[] = [];
  for (let nth = 0; nth < times; nth += 1) answers.push(await askForPassword(this, this.person(name).email));
  this.answers = answers;
});

// A link of the welcome may be there already, or still be on its way: only more links than before are the answer.
Given(/^([A-Z][a-z]+) has asked for a new password(?: again)?$/, async function (this: Shop, name: string) {
  const { email } = this.person(name);
  const { seen } = letters(this);
  if (!seen.has(email)) seen.set(email, await eventually(MAIL_WITHIN_MS, () => welcomed(this, email, name)));
  succeeded(await askForPassword(this, email));
  const before = seen.get(email) ?? 0;
  const now = await eventually(MAIL_WITHIN_MS, async () => {
    const links = await linksTo(this, email);
    if (links.length <= before) throw fault(this.exchanges.at(-1), `No mail has come for ${name}`);
    return links.length;
  });
  seen.set(email, now);
});

async function welcomed(shop: Shop, email: string, name: string): Promise<number> {
  const links = await linksTo(shop, email);
  if (links.length === 0) throw fault(shop.exchanges.at(-1), `No mail to verify the address has come for ${name}`);
  return links.length;
}

Given("{person} keeps the link", async function (this: Shop, name: string) {
  letters(this).kept = await newestLink(this, name);
});

async function newestLink(shop: Shop, name: string): Promise<string> {
  return newestToken(await letters(shop).box.mailsTo(shop.person(name).email), name);
}

Then("both/all are taken in", function (this: Shop) {
  for (const exchange of this.answers) expectSuccess(exchange, 202, "taken in");
});

When(
  /^([A-Z][a-z]+) chooses a new password with the link( that was kept)?$/,
  async function (this: Shop, name: string, kept: string | null) {
    const person = renewed(this.person(name));
    const token = kept === null ? await newestLink(this, name) : (letters(this).kept ?? MADE_UP);
    this.answer = await choosePassword(this, token, person.password);
    if (this.answer.answer.status < 300) this.people.set(name, person);
  },
);

When(
  "{person} chooses the new password {string} with the link",
  async function (this: Shop, name: string, password: string) {
    this.answer = await choosePassword(this, await newestLink(this, name), password);
  },
);

When("a stranger chooses a new password with a made-up link", async function (this: Shop) {
  this.answer = await choosePassword(this, MADE_UP, newcomer("Stranger").password);
});

When(
  /^somebody chooses (?:another|a new) password with the (?:link|welcome) of ([A-Z][a-z]+)$/,
  async function (this: Shop, name: string) {
    const { email } = this.person(name);
    await eventually(MAIL_WITHIN_MS, () => welcomed(this, email, name));
    this.answer = await choosePassword(this, await newestLink(this, name), newcomer("Somebody").password);
  },
);

When(
  "{int} people choose a new password with the link of {person} at the same time",
  async function (this: Shop, count: number, name: string) {
    const token = await newestLink(this, name);
    const passwords = Array.from({ length: count }, () => newcomer(name).password);
    this.answers = await Promise.all(passwords.map((password) => choosePassword(this, token, password)));
  },
);

Then(/^the (?:account is in new hands|password is changed|address is verified)$/, function (this: Shop) {
  expectSuccess(this.answer, 204, "done");
});

Then("the old pass of {person} opens nothing any more", async function (this: Shop, name: string) {
  await eventually(DEAD_WITHIN_MS, async () => {
    expectRefusal(await openAccount(this, this.member(name)), "because nobody is signed in");
  });
});

Then("a mail tells {person} that the password was changed", async function (this: Shop, name: string) {
  await eventually(MAIL_WITHIN_MS, async () => {
    const mails = await letters(this).box.mailsTo(this.person(name).email);
    if (mails.some((mail) => linkTokenOf(mail) === undefined && /password/i.test(mail))) return;
    throw fault(this.exchanges.at(-1), `No mail tells ${name} that the password was changed`);
  });
});

Then(
  "{person} gets at most {int} mails with a link for a new password",
  async function (this: Shop, name: string, most: number) {
    // Mails of a later customer come after those that are late: when that one is there, no more will come.
    const late = newcomer("Late");
    succeeded(await send(this, undefined, "POST /api/v1/users/register", { json: registrationOf(late) }));
    await eventually(MAIL_WITHIN_MS, () => welcomed(this, late.email, late.name));
    await eventually(MAIL_WITHIN_MS, async () => {
      const { length } = await linksTo(this, this.person(name).email);
      // The link of the welcome is one more. A shop may answer two requests by one mail, but not all by none.
      if (length < 2) throw fault(this.exchanges.at(-1), `No mail with a link for a new password has come for ${name}`);
      if (length <= most + 1) return;
      throw fault(this.exchanges.at(-1), `${name} has ${length - 1} mails with a link for a new password`);
    });
  },
);

function registrationOf({ email, password, fullName }: Person) {
  return { email, password, full_name: fullName };
}

/** The same person with another password. */
function renewed(person: Person): Person {
  return { ...person, password: newcomer(person.name).password };
}

Given("{person} is logged in on another device", async function (this: Shop, name: string) {
  const person = this.person(name);
  this.members.set(`other ${name}`, { ...this.member(name), token: tokenOf(await logIn(this, person)) });
});

Then("the other device of {person} opens nothing any more", async function (this: Shop, name: string) {
  await eventually(DEAD_WITHIN_MS, async () => {
    expectRefusal(await openAccount(this, this.member(`other ${name}`)), "because nobody is signed in");
  });
});

function changePassword(shop: Shop, name: string, passwords: [current: string, next: string]): Promise<Exchange> {
  const [current_password, new_password] = passwords;
  return send(shop, shop.sender(name), "POST /api/v1/users/me/password", { json: { current_password, new_password } });
}

When("{sender} changes the password", async function (this: Shop, name: string) {
  const person = this.people.get(name) ?? newcomer("Somebody");
  const next = renewed(person);
  this.answer = await changePassword(this, name, [person.password, next.password]);
  if (this.answer.answer.status < 300) this.people.set(name, next);
});

When("{person} changes the password without knowing it", async function (this: Shop, name: string) {
  this.answer = await changePassword(this, name, [newcomer(name).password, newcomer(name).password]);
});

When("{person} changes the password to {string}", async function (this: Shop, name: string, password: string) {
  this.answer = await changePassword(this, name, [this.person(name).password, password]);
});

function verifyAddress(shop: Shop, token: string): Promise<Exchange> {
  return send(shop, undefined, "POST /api/v1/auth/verify-email", { json: { token } });
}

When("a stranger follows a made-up link", async function (this: Shop) {
  this.answer = await verifyAddress(this, MADE_UP);
});

When("{person} follows the link of the welcome", async function (this: Shop, name: string) {
  const { email } = this.person(name);
  await eventually(MAIL_WITHIN_MS, () => welcomed(this, email, name));
  this.answer = await verifyAddress(this, await newestLink(this, name));
});

Then("both answers are the same to the letter", function (this: Shop) {
  const [one, other] = this.answers;
  if (one === undefined || other === undefined) throw fault(undefined, "The scenario has no two answers to compare");
  if (one.answer.status === other.answer.status && one.answer.text === other.answer.text) return;
  throw fault(other, `${nameOf(other)} can be told apart: the answer before it was ${one.answer.text}`);
});
