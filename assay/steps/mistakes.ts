import { gzipSync } from "node:zlib";
import { When } from "@cucumber/cucumber";
import { type Content, type Exchange, send } from "../src/http/exchange.ts";
import { bodyOf, integerOf } from "../src/http/reading.ts";
import { succeeded } from "../src/http/refusal.ts";
import { changeItem, copyOf, putUp, readItem, tryChange } from "../src/shop/items.ts";
import { logIn, newcomer, openAccount, register } from "../src/shop/people.ts";
import type { Shop } from "./world.ts";

const JSON_TYPE = "application/json";
const LEVELS = 100;

/** Bodies that no item can be read from, by the words of the features. */
const bodies: Record<string, Content> = {
  "half a document": { raw: { type: JSON_TYPE, bytes: '{"title": "Lamp", "price_ce' } },
  // 0xC3 begins a character of two bytes and 0x28 does not end it.
  "bytes that are no text": {
    raw: {
      type: JSON_TYPE,
      bytes: Buffer.concat([Buffer.from('{"title": "'), Buffer.of(0xc3, 0x28), Buffer.from('"}')]),
    },
  },
  "a title with a NUL in it": { json: { title: "La\u0000mp" } },
  "a title with half a letter in it": { json: { title: "La\uD83Dmp" } },
  "a document that is 100 levels deep": {
    raw: { type: JSON_TYPE, bytes: `{"title": ${"[".repeat(LEVELS)}${"]".repeat(LEVELS)}}` },
  },
  "plain text": { raw: { type: "text/plain", bytes: '{"title": "Lamp"}' } },
  XML: { raw: { type: "application/xml", bytes: "<item><title>Lamp</title></item>" } },
  "packed bytes": {
    raw: { type: JSON_TYPE, bytes: new Uint8Array(gzipSync('{"title": "Lamp"}')) },
    headers: { "content-encoding": "gzip" },
  },
  "a document of 100 kilobytes": { json: { title: "Lamp", description: "x".repeat(100_000) } },
};

When(
  new RegExp(`^([A-Z][a-z]+) puts up an item by (${Object.keys(bodies).join("|")})$`),
  async function (this: Shop, who: string, body: string) {
    this.answer = await send(this, this.member(who), "POST /api/v1/items", bodies[body]);
  },
);

When("a visitor asks for what is not there", async function (this: Shop) {
  this.answer = await nowhere(this);
});

When("a visitor tries to remove the registration", async function (this: Shop) {
  this.answer = await wrongMethod(this);
});

function nowhere(shop: Shop): Promise<Exchange> {
  return send(shop, undefined, "GET /api/v1/nothing-is-here");
}

function wrongMethod(shop: Shop): Promise<Exchange> {
  return send(shop, undefined, "DELETE /api/v1/users/register");
}

/** One mistake for each kind of refusal, by the words of the features. Ada and Ben are customers. */
const mistakes: Record<string, (shop: Shop) => Promise<Exchange>> = {
  "somebody sends half a document": (shop) =>
    send(shop, undefined, "POST /api/v1/users/login", bodies["half a document"]),
  "somebody logs in with a wrong password": (shop) =>
    logIn(shop, { email: shop.person("Ada").email, password: newcomer("Ada").password }),
  "Ada opens the account of nobody": (shop) => openAccount(shop, { name: "Ada", token: "open-sesame" }),
  "Ben changes an item of Ada": async (shop) =>
    tryChange(shop, shop.member("Ben"), { change: "change", id: await lampOfAda(shop) }),
  "somebody asks for an item that is not there": (shop) => readItem(shop, 2_000_000_000),
  "somebody asks for what is not there": nowhere,
  "somebody uses a method that is not offered": wrongMethod,
  "Ben registers with an address that is taken": (shop) =>
    register(shop, newcomer("Ben"), { email: shop.person("Ada").email }),
  "Ada changes an item starting from a stale copy": async (shop) => {
    const id = await lampOfAda(shop);
    const copy = copyOf(await readItem(shop, id));
    succeeded(await changeItem(shop, shop.member("Ada"), { id, item: { price_cents: 1 } }));
    return changeItem(shop, shop.member("Ada"), { id, item: { price_cents: 2 }, copy });
  },
  "Ada sends an item as a picture": (shop) =>
    send(shop, shop.member("Ada"), "POST /api/v1/items", { raw: { type: "image/png", bytes: "not really" } }),
  "Ada offers an item without a title": (shop) => putUp(shop, shop.member("Ada"), { price_cents: 1 }),
};

async function lampOfAda(shop: Shop): Promise<number> {
  return integerOf(bodyOf(succeeded(await putUp(shop, shop.member("Ada"), { title: "Lamp", price_cents: 100 }))), "id");
}

When(new RegExp(`^(${Object.keys(mistakes).join("|")})$`), async function (this: Shop, mistake: string) {
  this.answer = await (mistakes[mistake] ?? nowhere)(this);
});
