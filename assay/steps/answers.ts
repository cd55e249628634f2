import { Then } from "@cucumber/cucumber";
import { fault } from "../src/http/fault.ts";
import { bodyOf, expectValue, fieldOf, headerOf, nameOf } from "../src/http/reading.ts";
import {
  expectNoInsides,
  expectPointer,
  expectProblem,
  expectRefusal,
  type Refusal,
  REFUSALS,
} from "../src/http/refusal.ts";
import type { Shop } from "./world.ts";

Then("the request is refused {refusal}", function (this: Shop, refusal: Refusal) {
  expectRefusal(this.answer, refusal);
});

Then("both are refused {refusal}", function (this: Shop, refusal: Refusal) {
  for (const exchange of this.answers) expectRefusal(exchange, refusal);
});

Then("both refusals are the same to the letter", function (this: Shop) {
  const [one, other] = this.answers;
  if (one === undefined || other === undefined) throw fault(undefined, "The scenario has no two answers to compare");
  if (one.answer.text === other.answer.text) return;
  throw fault(other, `${nameOf(other)} can be told apart: the refusal before it said ${one.answer.text}`);
});

Then(
  /^(\d+) of them (?:is|are) (created|taken) and (\d+) of them (?:is|are) refused (.+)$/,
  function (this: Shop, good: string, _success: string, bad: string, reason: Refusal) {
    const taken = this.answers.filter(({ answer }) => answer.status >= 200 && answer.status < 300);
    const refused = this.answers.filter(({ answer }) => answer.status === REFUSALS[reason]);
    if (taken.length === Number(good) && refused.length === Number(bad)) return;
    const odd = this.answers.find((exchange) => !taken.includes(exchange) && !refused.includes(exchange));
    const counted = `${taken.length} succeeded and ${refused.length} were refused ${reason}`;
    throw fault(
      odd ?? taken[1],
      `Of ${this.answers.length} requests at the same time ${counted}, not ${good} and ${bad}`,
    );
  },
);

Then("the refusal is named {string}", function (this: Shop, code: string) {
  expectValue(fieldOf(bodyOf(this.answer), "code"), code);
});

Then("the refusal points at the {string}", function (this: Shop, field: string) {
  expectPointer(this.answer, field);
});

Then("the refusal is a problem document", function (this: Shop) {
  if (this.answer.answer.status < 400) {
    throw fault(this.answer, `${nameOf(this.answer)} should be refused, but was answered ${this.answer.answer.status}`);
  }
  expectProblem(this.answer);
});

Then("it tells nothing about the inside of the server", function (this: Shop) {
  expectNoInsides(this.answer);
});

Then("the refusal names the method {string}", function (this: Shop, method: string) {
  const allowed = headerOf(this.answer, "allow");
  if (allowed.split(/\s*,\s*/).includes(method)) return;
  throw fault(this.answer, `${nameOf(this.answer)}: Allow says "${allowed}" and not ${method}`);
});
