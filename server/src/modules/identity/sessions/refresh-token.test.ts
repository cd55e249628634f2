import { expect, test } from "vitest";
import { hashOf } from "#src/platform/security/one-time-token.ts";
import { firstToken, hashOfSent, judge, successorOf, type TokenState } from "./refresh-token.ts";

const FRESH: TokenState = { session_live: true, expired: false, spent: false, in_grace: false, successor_spent: true };
const SPENT: TokenState = { ...FRESH, spent: true, in_grace: true, successor_spent: false };

test.for<[string, TokenState, ReturnType<typeof judge>]>([
  ["unspent", FRESH, "rotate"],
  ["not used for too long", { ...FRESH, expired: true }, "refused"],
  ["of a session that has ended", { ...FRESH, session_live: false }, "refused"],
  ["spent a moment ago, its successor unused", SPENT, "repeat"],
  ["spent a moment ago, its successor used", { ...SPENT, successor_spent: true }, "reused"],
  ["spent longer ago, its successor unused", { ...SPENT, in_grace: false }, "reused"],
  ["spent and too old by itself", { ...SPENT, in_grace: false, expired: true }, "reused"],
  ["spent, of a session that has ended", { ...SPENT, session_live: false }, "refused"],
])("a token that is %s", ([_what, state, verdict]) => {
  expect(judge(state)).toBe(verdict);
});

test("a token has one successor under one secret, of the same form, and none can be guessed without it", () => {
  const [token, other] = [firstToken(), firstToken()];
  const successor = successorOf("a secret", token);
  expect(successorOf("a secret", token)).toBe(successor);
  expect(hashOfSent(successor)).toEqual(hashOf(successor));
  const all = [token, other, successor, successorOf("a secret", other), successorOf("another secret", token)];
  expect(new Set([...all, successorOf("a secret", successor)]).size).toBe(6);
});

test("what has not the form of a token is not looked up", () => {
  const token = firstToken();
  for (const text of [undefined, "", token.slice(1), `${token}=`, ` ${token.slice(1)}`, `${token}\n`]) {
    expect(hashOfSent(text)).toBeUndefined();
  }
});
