import { Given, Then, When } from "@cucumber/cucumber";
import { type Exchange, send } from "../src/http/exchange.ts";
import { fault } from "../src/http/fault.ts";
import { bodyOf, expectValue, fieldOf, headerOf, misread, nameOf, textOf } from "../src/http/reading.ts";
import { expectRefusal, expectSuccess, succeeded } from "../src/http/refusal.ts";
import {
  employ,
  join,
  logIn,
  type LoginWay,
  newcomer,
  openAccount,
  type Person,
  register,
  tokenOf,
} from "../src/shop/people.ts";
import { forgeries } from "./forgeries.ts";
import type { Shop } from "./world.ts";

async function welcome(shop: Shop, name: string): Promise<void> {
  const member = await join(shop, name);
  shop.people.set(name, member);
  shop.members.set(name, member);
}

Given("{person} is a customer", welcomeOne);
Given("{person} and {person} are customers", async function (this: Shop, one: string, other: string) {
  await welcome(this, one);
  await welcome(this, other);
});
async function welcomeOne(this: Shop, name: string): Promise<void> {
  await welcome(this, name);
}

Given("{person} is on the staff", async function (this: Shop, name: string) {
  this.members.set(name, await employ(this, name, this.parameters.staff));
});

Given("{person} is an administrator", async function (this: Shop, name: string) {
  this.members.set(name, await employ(this, name, this.parameters.admin));
});

const EMAIL_LETTERS_MAX = 254;
// From U+0061, a, to U+FF41, its fullwidth form.
const FULLWIDTH_OFFSET = 0xfee0;
const PASSWORD_LETTERS_MAX = 1024;

/** What a registration says differently, by the words of the features. */
const otherwise: Record<string, (person: Person) => Record<string, unknown>> = {
  "without an address": () => ({ email: undefined }),
  "with an address that is none": () => ({ email: "ada at home" }),
  "with an address without end": ({ email }) => ({ email: "a".repeat(EMAIL_LETTERS_MAX) + email }),
  "without a password": () => ({ password: undefined }),
  "with a password of 7 letters": () => ({ password: "Zq7-xWv" }),
  "with a password that is a number": () => ({ password: 4_815_162_342_108 }),
  "with a password that is a list": () => ({ password: ["Zq7-xWv", "correct"] }),
  "with the password password123": () => ({ password: "password123" }),
  "with the password 1234567890": () => ({ password: "1234567890" }),
  "with the password qwertyuiop": () => ({ password: "qwertyuiop" }),
  "as an administrator": () => ({ is_admin: true }),
  "with an address that ends in a dot": ({ email }) => ({ email: `${email}.` }),
  "with a line break in the address": ({ email }) => ({ email: `${email}\nbcc: ${email}` }),
  "with a password without end": () => ({ password: "Zq7-xWv ".repeat(PASSWORD_LETTERS_MAX) }),
  "without a name": () => ({ full_name: undefined }),
  "with an empty name": () => ({ full_name: "" }),
  "with a field that nobody knows": () => ({ favourite_colour: "green" }),
};

async function registerSomeone(shop: Shop, name: string, change: (person: Person) => Record<string, unknown>) {
  const person = newcomer(name);
  shop.people.set(name, person);
  shop.answer = await register(shop, person, change(person));
}

When("{person} registers", async function (this: Shop, name: string) {
  await registerSomeone(this, name, () => ({}));
});

When(
  new RegExp(`^([A-Z][a-z]+) registers (${Object.keys(otherwise).join("|")})$`),
  async function (this: Shop, name: string, what: string) {
    await registerSomeone(this, name, otherwise[what] ?? (() => ({})));
  },
);

When("{person} registers with the role {string}", async function (this: Shop, name: string, role: string) {
  await registerSomeone(this, name, () => ({ role }));
});

When("{person} registers with the password {string}", async function (this: Shop, name: string, password: string) {
  const person = { ...newcomer(name), password };
  this.people.set(name, person);
  this.answer = succeeded(await register(this, person));
});

When(
  "{person} registers with a password as long as {int} letters",
  async function (this: Shop, name: string, letters: number) {
    const known = newcomer(name);
    const person = { ...known, password: known.password.repeat(letters).slice(0, letters) };
    this.people.set(name, person);
    this.answer = succeeded(await register(this, person));
  },
);

/** The same address in other letters, by the words of the features. */
const spellings: Record<string, (email: string) => string> = {
  "in capital letters": (email) => email.toUpperCase(),
  "with a capital first letter": (email) => email.charAt(0).toUpperCase() + email.slice(1),
  "with the domain in capitals": (email) => email.replace(/@.*/, (domain) => domain.toUpperCase()),
};
/** Another spelling, which a server may read as the same address, or refuse; but it is no second account. */
const disguises: Record<string, (email: string) => string> = {
  "in fullwidth letters": (email) =>
    email.replace(/[a-z]/, (letter) => String.fromCodePoint(letter.charCodeAt(0) + FULLWIDTH_OFFSET)),
  "with spaces around it": (email) => `  ${email} `,
  "with an invisible sign in it": (email) => email.replace("@", "@\u00ad"),
};
const SPELLING = `(${Object.keys(spellings).join("|")})`;

When(
  new RegExp(`^([A-Z][a-z]+) registers with the address of ([A-Z][a-z]+)(?: ${SPELLING})?$`),
  async function (this: Shop, name: string, other: string, spelling: string | null) {
    const { email } = this.person(other);
    const spell = spellings[spelling ?? ""] ?? ((same: string) => same);
    await registerSomeone(this, name, () => ({ email: spell(email) }));
  },
);

When(
  new RegExp(`^([A-Z][a-z]+) registers with the address of ([A-Z][a-z]+) (${Object.keys(disguises).join("|")})$`),
  async function (this: Shop, name: string, other: string, disguise: string) {
    const { email } = this.person(other);
    await registerSomeone(this, name, () => ({ email: disguises[disguise]?.(email) ?? email }));
  },
);

Then("no second account is made", function (this: Shop) {
  const { status } = this.answer.answer;
  if ([400, 409, 422].includes(status)) return;
  throw fault(this.answer, `${nameOf(this.answer)} should clash or be refused as invalid, but was answered ${status}`);
});

When("{int} people register with one address at the same time", async function (this: Shop, count: number) {
  const { email } = newcomer("Ada");
  const people = Array.from({ length: count }, (_, index) => ({ ...newcomer(`Ada${index}`), email }));
  this.answers = await Promise.all(people.map((person) => register(this, person)));
});

Then("the account is created", function (this: Shop) {
  expectSuccess(this.answer, 201, "created");
});

Then("the answer carries the address and the name of {person}", function (this: Shop, name: string) {
  const person = this.person(name);
  expectValue(fieldOf(bodyOf(this.answer), "email"), person.email);
  expectValue(fieldOf(bodyOf(this.answer), "full_name"), person.fullName);
});

Then(/^the (?:answer|list) gives no secret of ([A-Z][a-z]+) away$/, function (this: Shop, name: string) {
  const { text } = this.answer.answer;
  const leak = /"[a-z_]*(?:password|hash|secret)[a-z_]*"|\$argon2|\$2[aby]\$|\$scrypt/.exec(text)?.[0];
  const said = leak ?? (text.includes(this.person(name).password) ? "the password itself" : undefined);
  if (said !== undefined) throw fault(this.answer, `${nameOf(this.answer)} gives a secret away: ${said}`);
});

async function passOf(shop: Shop, name: string): Promise<string> {
  return tokenOf(await logIn(shop, shop.person(name)));
}

Then("{person} can log in", async function (this: Shop, name: string) {
  await passOf(this, name);
});

Then(
  new RegExp(`^([A-Z][a-z]+) can log in with the address ${SPELLING}$`),
  async function (this: Shop, name: string, spelling: string) {
    const { email, password } = this.person(name);
    tokenOf(await logIn(this, { email: spellings[spelling]?.(email) ?? email, password }));
  },
);

Then("{person} can not log in", async function (this: Shop, name: string) {
  expectRefusal(await logIn(this, this.person(name)), "because nobody is signed in");
});

Then("{person} can not log in with another last letter of the password", async function (this: Shop, name: string) {
  const { email, password } = this.person(name);
  const other = password.slice(0, -1) + (password.endsWith("x") ? "y" : "x");
  expectRefusal(await logIn(this, { email, password: other }), "because nobody is signed in");
});

const WAY = "(?: (by address|by the OAuth2 form))?";

When(new RegExp(`^([A-Z][a-z]+) logs in${WAY}$`), async function (this: Shop, name: string, way: LoginWay | null) {
  this.answer = await logIn(this, this.person(name), way ?? undefined);
});

When(
  new RegExp(`^([A-Z][a-z]+) logs in${WAY} with a wrong password$`),
  async function (this: Shop, name: string, way: LoginWay | null) {
    const { email } = this.person(name);
    this.answer = await logInQuietly(this, { email, password: newcomer(name).password }, way);
  },
);

When(
  new RegExp(`^a stranger logs in${WAY} with an address that nobody has$`),
  async function (this: Shop, way: LoginWay | null) {
    this.answers = [...this.answers, await logInQuietly(this, newcomer("Stranger"), way)];
  },
);

// The request names itself, because a refusal repeats the name of its request and could not be the same without it.
async function logInQuietly(
  shop: Shop,
  who: { email: string; password: string },
  way: LoginWay | null,
): Promise<Exchange> {
  const headers = { "x-correlation-id": "assay-same-refusal" };
  return way === "by the OAuth2 form"
    ? await send(shop, undefined, "POST /api/v1/auth/login/access-token", {
        form: { username: who.email, password: who.password },
        headers,
      })
    : await send(shop, undefined, "POST /api/v1/users/login", {
        json: { email: who.email, password: who.password },
        headers,
      });
}

Then("{person} gets a pass that runs out", function (this: Shop, name: string) {
  expectSuccess(this.answer, 200, "here is your token");
  const body = bodyOf(this.answer);
  const token = textOf(body, "access_token");
  const type = fieldOf(body, "token_type");
  if (textOf(body, "token_type").toLowerCase() !== "bearer") throw misread(type, 'to be "bearer"');
  const life = fieldOf(body, "expires_in");
  if (typeof life.value !== "number" || life.value <= 0) throw misread(life, "to be a number of seconds above zero");
  const { id } = this.member(name);
  this.members.set(name, { ...this.member(name), id, token });
});

Then(/^the pass (?:of [A-Z][a-z]+ )?opens the account of ([A-Z][a-z]+)$/, async function (this: Shop, name: string) {
  const account = succeeded(await openAccount(this, this.member(name)));
  expectValue(fieldOf(bodyOf(account), "email"), this.person(name).email);
  expectValue(fieldOf(bodyOf(account), "id"), this.member(name).id);
});

When("a visitor opens the account", async function (this: Shop) {
  this.answer = await openAccount(this, undefined);
});

When(
  /^someone opens the account of ([A-Z][a-z]+) with (an? .+)$/,
  async function (this: Shop, name: string, pass: string) {
    const forge = forgeries[pass];
    if (forge === undefined) throw fault(undefined, `Nobody has said how to make ${pass}`);
    this.answer = await openAccount(this, { name, token: forge(this.member(name).token) });
  },
);

Then("the refusal says how to sign in", function (this: Shop) {
  headerOf(this.answer, "www-authenticate");
});
