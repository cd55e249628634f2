import { Then, When } from "@cucumber/cucumber";
import { send } from "../src/http/exchange.ts";
import { fault } from "../src/http/fault.ts";
import { bodyOf, misread, nameOf, rowsOf } from "../src/http/reading.ts";
import { expectRefusal, type Refusal, succeeded } from "../src/http/refusal.ts";
import { openAccount } from "../src/shop/people.ts";
import { sealedByPublicKey } from "./forgeries.ts";
import type { Shop } from "./world.ts";

// RFC 7518, 6: the members of a JWK that only its owner may know.
const PRIVATE_MEMBERS = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

async function publishedKeys(shop: Shop): Promise<Record<string, unknown>[]> {
  shop.answer = succeeded(await send(shop, undefined, "GET /.well-known/jwks.json"));
  return rowsOf(bodyOf(shop.answer), "keys").map((row) => {
    if (typeof row.value !== "object" || row.value === null) throw misread(row, "to be a key");
    return { ...row.value };
  });
}

When("a visitor reads the published keys", async function (this: Shop) {
  await publishedKeys(this);
});

Then("there is at least one key, and none tells its private part", async function (this: Shop) {
  const keys = await publishedKeys(this);
  if (keys.length === 0) throw fault(this.answer, `${nameOf(this.answer)} publishes no key`);
  const told = keys.flatMap((key) => PRIVATE_MEMBERS.filter((member) => Object.hasOwn(key, member)));
  if (told.length > 0) throw fault(this.answer, `${nameOf(this.answer)} publishes private parts: ${told.join(", ")}`);
});

When(
  "someone signs a pass of {person} with each published key and opens the account",
  async function (this: Shop, name: string) {
    const { token } = this.member(name);
    const forged = (await publishedKeys(this)).flatMap((key) => sealedByPublicKey(token, key));
    this.answers = [];
    for (const pass of forged) this.answers.push(await openAccount(this, { name, token: pass }));
  },
);

Then("all of them are refused {refusal}", function (this: Shop, refusal: Refusal) {
  if (this.answers.length === 0) throw fault(undefined, "Nothing was asked that could be refused");
  for (const exchange of this.answers) expectRefusal(exchange, refusal);
});

When("a visitor opens the account with the pass of {person} in the address", async function (this: Shop, name: string) {
  this.answer = await send(this, undefined, `GET /api/v1/users/me?access_token=${this.member(name).token}`);
});
