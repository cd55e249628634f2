import { Then, When } from "@cucumber/cucumber";
import { send } from "../src/http/exchange.ts";
import { fault } from "../src/http/fault.ts";
import { bodyOf, expectValue, fieldOf, headerOf, nameOf, rowsOf } from "../src/http/reading.ts";
import { expectSuccess, succeeded } from "../src/http/refusal.ts";
import type { Shop } from "./world.ts";

const EXPORT = "GET /api/v1/users/me/export";
const DELETION = "DELETE /api/v1/users/me";

When("{person} asks for all that is held about her", async function (this: Shop, name: string) {
  this.answer = await send(this, this.member(name), EXPORT);
});

When("{person} deletes her account", async function (this: Shop, name: string) {
  this.answer = await send(this, this.member(name), DELETION);
  expectSuccess(this.answer, 204, "it is gone");
});

When("a visitor tries to ask for all that is held about somebody", async function (this: Shop) {
  this.answer = await send(this, undefined, EXPORT);
});

When("a visitor tries to delete an account", async function (this: Shop) {
  this.answer = await send(this, undefined, DELETION);
});

Then(
  "the answer is a file that holds the address of {person}, her name and {string}",
  function (this: Shop, name: string, title: string) {
    expectSuccess(this.answer, 200, "here is what is held");
    const disposition = headerOf(this.answer, "content-disposition");
    if (!disposition.startsWith("attachment")) {
      throw fault(this.answer, `${nameOf(this.answer)} is no file: Content-Disposition says "${disposition}"`);
    }
    const { email, fullName } = this.person(name);
    for (const held of [email, fullName, title]) {
      if (this.answer.answer.text.includes(held)) continue;
      throw fault(this.answer, `${nameOf(this.answer)} does not hold "${held}"`);
    }
  },
);

Then("no list of items tells the name of {person}", async function (this: Shop, name: string) {
  const { id, fullName } = this.member(name);
  const list = succeeded(await send(this, undefined, `GET /api/v1/items?owner_id=${id}`));
  if (list.answer.text.includes(fullName)) throw fault(list, `${nameOf(list)} still tells the name "${fullName}"`);
});

When(
  "{person} gives the account of {person} the status {string}",
  async function (this: Shop, admin: string, name: string, status: string) {
    const { id } = this.member(name);
    this.answer = succeeded(await send(this, this.member(admin), `PATCH /api/v1/users/${id}`, { json: { status } }));
    expectValue(fieldOf(bodyOf(this.answer), "status"), status);
  },
);

When("{person} looks for the account of {person}", async function (this: Shop, admin: string, name: string) {
  const query = new URLSearchParams({ email: this.person(name).email }).toString();
  this.answer = succeeded(await send(this, this.member(admin), `GET /api/v1/users?${query}`));
});

Then("just the account of {person} is found", function (this: Shop, name: string) {
  const found = rowsOf(bodyOf(this.answer), "data");
  const [first] = found;
  if (first === undefined || found.length > 1) {
    throw fault(this.answer, `${nameOf(this.answer)} gave ${found.length} accounts and not the one`);
  }
  expectValue(fieldOf(first, "id"), this.member(name).id);
});
