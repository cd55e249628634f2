import { Then, When } from "@cucumber/cucumber";
import { fault } from "../src/http/fault.ts";
import { headerOf, nameOf } from "../src/http/reading.ts";
import { expectRefusal } from "../src/http/refusal.ts";
import { logIn, newcomer, type Person } from "../src/shop/people.ts";
import type { Shop } from "./world.ts";

async function guess(shop: Shop, { email }: Person, times: number): Promise<void> {
  for (let nth = 0; nth < times; nth += 1)
    expectRefusal(await logIn(shop, { email, password: newcomer("Guess").password }), "because nobody is signed in");
}

When("somebody guesses the password of {person} {int} times", async function (this: Shop, name: string, times: number) {
  await guess(this, this.person(name), times);
});

When(
  "somebody guesses a password {int} times for {person}, whom nobody knows",
  async function (this: Shop, times: number, name: string) {
    const stranger = newcomer(name);
    this.people.set(name, stranger);
    await guess(this, stranger, times);
  },
);

When(
  "somebody guesses the password of {person} {int} times at the same time",
  async function (this: Shop, name: string, times: number) {
    const { email } = this.person(name);
    const guesses = Array.from({ length: times }, () => logIn(this, { email, password: newcomer("Guess").password }));
    this.answers = await Promise.all(guesses);
  },
);

Then("at most {int} of the guesses were heard", function (this: Shop, most: number) {
  const heard = this.answers.filter(({ answer }) => answer.status === 401);
  const odd = this.answers.find(({ answer }) => ![401, 429, 503].includes(answer.status));
  if (odd !== undefined) throw fault(odd, `${nameOf(odd)} should be a guess that is refused (401, 429)`);
  if (heard.length <= most) return;
  throw fault(heard.at(-1), `Of ${this.answers.length} guesses at the same time ${heard.length} were heard`);
});

/** RFC 9110, 10.2.3, and the fields of draft-ietf-httpapi-ratelimit-headers. */
Then("the refusal says when to come again", function (this: Shop) {
  const after = headerOf(this.answer, "retry-after");
  if (!/^[1-9]\d*$/.test(after)) throw fault(this.answer, `Retry-After says "${after}", not a number of seconds`);
  const [left, policy] = [headerOf(this.answer, "ratelimit"), headerOf(this.answer, "ratelimit-policy")];
  if (!/^"[^"]+";.*\br=0\b/.test(left)) throw fault(this.answer, `RateLimit says "${left}", not that nothing is left`);
  if (!/^"[^"]+";.*\bq=\d+/.test(policy)) throw fault(this.answer, `RateLimit-Policy says "${policy}", no quota`);
});
