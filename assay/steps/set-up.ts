import {
  AfterStep,
  defineParameterType,
  type ITestStepHookParameter,
  setDefaultTimeout,
  setWorldConstructor,
  Status,
} from "@cucumber/cucumber";
import { describeEvidence } from "../src/http/curl.ts";
import { findEvidence } from "../src/http/fault.ts";
import { isRefusal, type Refusal, REFUSAL_PATTERN } from "../src/http/refusal.ts";
import { Shop } from "./world.ts";

// Longer than every deadline inside the steps, so that a step fails with its own words.
const STEP_WITHIN_MS = 60_000;

setDefaultTimeout(STEP_WITHIN_MS);
setWorldConstructor(Shop);

// People are written with a capital letter and without quotes; those without a pass are "a visitor" and "somebody".
defineParameterType({ name: "person", regexp: /[A-Z][a-z]+/, transformer: (name) => name });
defineParameterType({ name: "sender", regexp: /[A-Z][a-z]+|a visitor|somebody/, transformer: (name) => name });
defineParameterType({
  name: "refusal",
  regexp: REFUSAL_PATTERN,
  transformer: (text): Refusal => {
    if (!isRefusal(text)) throw new TypeError(`'${text}' is no known refusal`);
    return text;
  },
});
defineParameterType({ name: "change", regexp: /replace|change|take down/, transformer: (text) => text });

AfterStep(function (this: Shop, { result, error }: ITestStepHookParameter): void {
  if (result.status !== Status.FAILED) return;
  const shown = findEvidence(error) ?? this.exchanges.at(-1);
  if (shown !== undefined) this.attach(describeEvidence(shown), "text/plain");
});
