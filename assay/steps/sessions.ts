import { Given, Then, When } from "@cucumber/cucumber";
import { type Exchange, type Method, send } from "../src/http/exchange.ts";
import { fault } from "../src/http/fault.ts";
import { bodyOf, fieldOf, nameOf, rowsOf } from "../src/http/reading.ts";
import { expectRefusal, expectSuccess, succeeded } from "../src/http/refusal.ts";
import { eventually } from "../src/poll.ts";
import { logIn, openAccount, tokenOf } from "../src/shop/people.ts";
import { attributesOf, byCookie, COOKIE, cookieLineOf, cookieOf, logOut, renew } from "../src/shop/sessions.ts";
import type { Shop } from "./world.ts";

/** After a second every instance refuses the pass of a session that has ended; with room for the way there and back. */
const ENDED_WITHIN_MS = 2_000;
const SESSIONS = "GET /api/v1/users/me/sessions?limit=100";

function cookiesOf(shop: Shop, name: string): string[] {
  const cookies = shop.cookies.get(name);
  if (cookies === undefined) throw fault(undefined, `The scenario speaks of the cookie of ${name} before there is one`);
  return cookies;
}

function newest(shop: Shop, name: string): string {
  return cookiesOf(shop, name).at(-1) ?? "";
}

function keep(shop: Shop, name: string, answer: Exchange): void {
  shop.cookies.set(name, [...(shop.cookies.get(name) ?? []), cookieOf(succeeded(answer))]);
}

async function renewAs(shop: Shop, name: string): Promise<void> {
  shop.answer = await renew(shop, newest(shop, name));
  keep(shop, name, shop.answer);
}

Given("{person} is signed in with a cookie", async function (this: Shop, name: string) {
  const login = await logIn(this, this.person(name));
  this.members.set(name, { ...this.member(name), token: tokenOf(login) });
  keep(this, name, login);
});

/** What a member's list of sessions names, as text. */
async function sessionsOf(shop: Shop, name: string): Promise<string[]> {
  const list = succeeded(await send(shop, shop.member(name), SESSIONS));
  return rowsOf(bodyOf(list), "data").map((row) => String(fieldOf(row, "id").value));
}

Given("{person} is signed in on a second device", async function (this: Shop, name: string) {
  const before = new Set(await sessionsOf(this, name));
  this.members.set("second device", { ...this.member(name), token: tokenOf(await logIn(this, this.person(name))) });
  const [id, another] = (await sessionsOf(this, name)).filter((session) => !before.has(session));
  if (id === undefined || another !== undefined) throw fault(undefined, "A login should add one session to the list");
  this.copies.set("the session of the second device", id);
});

Then("the answer sets a cookie that only this host gets, over a safe line, from its own pages", function (this: Shop) {
  cookieOf(this.answer);
  const attributes = attributesOf(cookieLineOf(this.answer) ?? "");
  // RFC 6265bis, 4.1.3.2: the prefix of its name asks for these of the browser.
  const right =
    attributes.has("secure") &&
    attributes.get("path") === "/" &&
    !attributes.has("domain") &&
    attributes.get("samesite")?.toLowerCase() === "strict";
  if (right) return;
  const said = [...attributes].map(([name, value]) => `${name}=${value}`).join("; ");
  throw fault(
    this.answer,
    `${nameOf(this.answer)}: the cookie should be Secure; Path=/; SameSite=Strict, but is ${said}`,
  );
});

Then("no script can read the cookie", function (this: Shop) {
  if (attributesOf(cookieLineOf(this.answer) ?? "").has("httponly")) return;
  throw fault(this.answer, `${nameOf(this.answer)}: the cookie "${COOKIE}" is not HttpOnly`);
});

Then("the cookie is not told in the answer itself", function (this: Shop) {
  if (!this.answer.answer.text.includes(cookieOf(this.answer))) return;
  throw fault(this.answer, `${nameOf(this.answer)} tells the cookie's value in its body, where scripts can read it`);
});

When("{person} renews her pass", async function (this: Shop, name: string) {
  await renewAs(this, name);
});

When("{person} renews her pass twice", async function (this: Shop, name: string) {
  await renewAs(this, name);
  await renewAs(this, name);
  this.members.set(name, { ...this.member(name), token: tokenOf(this.answer) });
});

When("{person} renews her pass again, with the same cookie", async function (this: Shop, name: string) {
  const again = await renew(this, cookiesOf(this, name).at(-2) ?? "");
  this.answers = [...this.answers, again];
});

When(
  "{person} renews her pass in {int} windows at the same time",
  async function (this: Shop, name: string, windows: number) {
    const cookie = newest(this, name);
    this.answers = await Promise.all(Array.from({ length: windows }, () => renew(this, cookie)));
    keep(this, name, this.answer);
  },
);

Then(/^(?:both answers give|all windows get a pass and) the same cookie$/, function (this: Shop) {
  const [first = "", ...others] = this.answers.map((answer) => cookieOf(succeeded(answer)));
  const odd = others.findIndex((cookie) => cookie !== first);
  if (others.length > 0 && odd === -1) return;
  throw fault(this.answers[odd + 1], "One cookie was renewed at the same time to two that differ: one of them is lost");
});

Then("the cookie is another one than before", function (this: Shop) {
  for (const [name, cookies] of this.cookies) {
    if (new Set(cookies).size !== cookies.length) throw fault(this.answer, `The cookie of ${name} stays the same`);
  }
});

Then("the newest cookie of {person} is worth a pass", async function (this: Shop, name: string) {
  const answer = await renew(this, newest(this, name));
  expectSuccess(answer, 200, "here is your token");
  keep(this, name, answer);
});

Then("the newest cookie of {person} is worth nothing", async function (this: Shop, name: string) {
  expectRefusal(await renew(this, newest(this, name)), "because nobody is signed in");
});

When("a thief uses the first cookie of {person}", async function (this: Shop, name: string) {
  this.answer = await renew(this, cookiesOf(this, name)[0] ?? "");
});

/** Cookies that are not right, by the words of the features. */
const wrong: Record<string, (good: string) => string> = {
  "an empty cookie": () => "",
  "the cookie of Ada, cut short": (good) => good.slice(0, -1),
  "the cookie of Ada, with a letter more": (good) => `${good}A`,
  "a made up cookie": (good) => "A".repeat(good.length),
};

When(
  /^someone renews a pass with (no cookie|an? .+|the cookie of Ada, .+)$/,
  async function (this: Shop, what: string) {
    const make = wrong[what];
    this.answer =
      make === undefined
        ? await send(this, undefined, "POST /api/v1/auth/refresh")
        : await renew(this, make(newest(this, "Ada")));
  },
);

When("{sender} logs out", async function (this: Shop, who: string) {
  const sender = this.sender(who);
  this.answer =
    sender === undefined ? await send(this, undefined, "POST /api/v1/auth/logout") : await logOut(this, sender);
});

When("{person} logs out everywhere", async function (this: Shop, name: string) {
  this.answer = succeeded(await send(this, this.member(name), "POST /api/v1/auth/logout-all"));
});

Then("the answer takes the cookie away", function (this: Shop) {
  expectSuccess(this.answer, 204, "you are out");
  const line = cookieLineOf(this.answer);
  const attributes = attributesOf(line ?? "");
  const past = Date.parse(attributes.get("expires") ?? "") < Date.now();
  if (line !== undefined && (attributes.get("max-age") === "0" || past)) return;
  throw fault(this.answer, `${nameOf(this.answer)} leaves the cookie "${COOKIE}" where it is`);
});

Then(
  /^soon the pass of (?:the )?([A-Z][a-z]+|second device) opens nothing$/,
  async function (this: Shop, name: string) {
    await eventually(ENDED_WITHIN_MS, async () => {
      expectRefusal(await openAccount(this, this.member(name)), "because nobody is signed in");
    });
  },
);

When("{person} ends the session of the second device", async function (this: Shop, name: string) {
  const id = this.copy("the session of the second device");
  this.answer = succeeded(await send(this, this.member(name), `DELETE /api/v1/users/me/sessions/${id}`));
});

When("{person} tries to end the session of {person}", async function (this: Shop, name: string, other: string) {
  const [id = ""] = await sessionsOf(this, other);
  this.answer = await send(this, this.member(name), `DELETE /api/v1/users/me/sessions/${id}`);
});

const acts: Record<string, `${Method} /${string}`> = {
  "renew the pass": "POST /api/v1/auth/refresh",
  "log out": "POST /api/v1/auth/logout",
  "log out everywhere": "POST /api/v1/auth/logout-all",
};

When(
  /^a page of another site tries to (.+) with the cookie of ([A-Z][a-z]+)$/,
  async function (this: Shop, act: string, name: string) {
    const request = acts[act];
    if (request === undefined) throw fault(undefined, `Nobody has said how to ${act}`);
    // What every browser of today says of such a request (Fetch Metadata), and what the older ones say.
    const headers = { origin: "https://assay.example", "sec-fetch-site": "cross-site" };
    const old = { origin: "https://assay.example" };
    this.answers = [];
    for (const one of [old, headers]) {
      const answer = await byCookie(this, request, newest(this, name), { headers: one });
      expectRefusal(answer, "because it is not allowed");
      this.answer = answer;
    }
  },
);

When("{person} renews her pass with a text for a body", async function (this: Shop, name: string) {
  const raw = { type: "text/plain", bytes: "{}" };
  this.answer = await byCookie(this, "POST /api/v1/auth/refresh", newest(this, name), { raw });
});

Then("the answer lets no other site read it", function (this: Shop) {
  const allowed = this.answer.answer.headers.get("access-control-allow-origin");
  if (allowed === null) return;
  throw fault(this.answer, `${nameOf(this.answer)} lets pages of ${allowed} read its answers`);
});
