import { expect, test } from "vitest";
import { addKey, PROMOTE_AFTER_SECONDS, promoteKey, RETIRE_AFTER_SECONDS, retireKeys, stateOf } from "./rotate-keys.ts";
import type { SigningKey } from "./secrets.ts";
import { ACCESS_TOKEN_SECONDS, CLOCK_SKEW_SECONDS, KEY_SET_MAX_AGE_SECONDS } from "./tokens.ts";

const key = (kid: string): SigningKey => ({ kty: "OKP", crv: "Ed25519", x: kid, d: kid, kid });
const NOW = 1_800_000_000;
const promotable = NOW + PROMOTE_AFTER_SECONDS;
const retirable = promotable + RETIRE_AFTER_SECONDS;
const states = (keys: SigningKey[]) => keys.map((one, index) => `${one.kid} ${stateOf(one, index).state}`);

test("a rotation adds, promotes and retires, each after its time", () => {
  const added = addKey([key("old")], key("new"), NOW);
  expect(states(added)).toEqual(["old signs", "new waits to sign"]);
  expect(() => promoteKey(added, promotable - 1)).toThrow(/new should not sign before .*--now/);
  const promoted = promoteKey(added, promotable);
  expect(states(promoted)).toEqual(["new signs", "old only verifies"]);
  expect(() => retireKeys(promoted, retirable - 1)).toThrow(/old should not be taken away before/);
  expect(retireKeys(promoted, retirable)).toEqual([key("new")]);
});

test("a stolen key is gone in three steps without a wait", () => {
  const promoted = promoteKey(addKey([key("old")], key("new"), NOW), NOW, { early: true });
  expect(retireKeys(promoted, NOW, { early: true })).toEqual([key("new")]);
});

test("a step out of its turn is refused, and says which one is next", () => {
  const added = addKey([key("old")], key("new"), NOW);
  const promoted = promoteKey(added, promotable);
  expect(() => promoteKey([key("old")], NOW)).toThrow("'add' makes one");
  expect(() => retireKeys([key("old")], NOW)).toThrow("'promote' the next one first");
  expect(() => retireKeys(added, NOW, { early: true })).toThrow("'promote' the next one first");
  expect(() => promoteKey(promoted, retirable, { early: true })).toThrow("'add' makes one");
  for (const keys of [added, promoted]) expect(() => addKey(keys, key("third"), NOW)).toThrow("under way");
});

test("a second key that somebody added by hand can be promoted at once", () => {
  expect(states(promoteKey([key("old"), key("new")], NOW))).toEqual(["new signs", "old only verifies"]);
});

// case 49: the waits cover how long others keep the key set, and how long a token lives
test("the waits are longer than anybody can still need the state before", () => {
  expect(PROMOTE_AFTER_SECONDS).toBeGreaterThan(KEY_SET_MAX_AGE_SECONDS);
  expect(RETIRE_AFTER_SECONDS).toBeGreaterThan(ACCESS_TOKEN_SECONDS + CLOCK_SKEW_SECONDS);
});
