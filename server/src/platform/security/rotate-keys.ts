import { mistake } from "#src/platform/mistake.ts";
import type { SigningKey } from "./secrets.ts";
import { ACCESS_TOKEN_SECONDS, CLOCK_SKEW_SECONDS, KEY_SET_MAX_AGE_SECONDS } from "./tokens.ts";

/** Until a changed file has reached every process: a second on one machine, a minute or two where it is distributed. */
const DISTRIBUTION_SECONDS = 120;

/** How long a new key is only published: until nobody verifies with a key set from before it. */
export const PROMOTE_AFTER_SECONDS = KEY_SET_MAX_AGE_SECONDS + DISTRIBUTION_SECONDS;
/** How long a key that signs no more still verifies: until its last token has run out. */
export const RETIRE_AFTER_SECONDS = ACCESS_TOKEN_SECONDS + CLOCK_SKEW_SECONDS + DISTRIBUTION_SECONDS;

export type KeyState = "signs" | "waits to sign" | "only verifies";

/** What a key is good for now, and until when (seconds since 1970) that should stay so. */
export function stateOf(key: SigningKey, index: number): { state: KeyState; until: number | undefined } {
  if (index === 0) return { state: "signs", until: undefined };
  return key.exp === undefined
    ? { state: "waits to sign", until: key.nbf }
    : { state: "only verifies", until: key.exp };
}

/**
 * The three steps of a rotation, in this order: `add` publishes a second key, `promote` lets it sign, `retire` takes the
 * old one away. None of them fails a request when the next one comes after its time.
 * @param nowSeconds seconds since 1970
 * @throws a mistake when it is not this step's turn
 */
export function addKey(keys: SigningKey[], fresh: SigningKey, nowSeconds: number): SigningKey[] {
  if (keys.length > 1) throw mistake("a rotation is under way: finish it with 'promote' and 'retire' first");
  return [...keys, { ...fresh, nbf: nowSeconds + PROMOTE_AFTER_SECONDS }];
}

/** @param options.early does not wait: whoever keeps an older key set refuses the new tokens */
export function promoteKey(keys: SigningKey[], nowSeconds: number, options: { early?: boolean } = {}): SigningKey[] {
  const next = keys.find((key, index) => stateOf(key, index).state === "waits to sign");
  if (next === undefined) throw mistake("there is no key that waits to sign: 'add' makes one");
  const { nbf = 0, ...promoted } = next;
  if (nbf > nowSeconds && options.early !== true) throw tooEarly(next.kid, "sign", nbf);
  const exp = nowSeconds + RETIRE_AFTER_SECONDS;
  const others = keys.filter((key) => key !== next);
  return [promoted, ...others.map((key) => ({ ...key, exp: key.exp ?? exp }))];
}

/** @param options.early does not wait: who holds a token of the old key has to refresh it */
export function retireKeys(keys: SigningKey[], nowSeconds: number, options: { early?: boolean } = {}): SigningKey[] {
  const leaving = keys.filter((key, index) => stateOf(key, index).state === "only verifies");
  if (leaving.length === 0) throw mistake("there is no key to take away: 'promote' the next one first");
  const needed = leaving.find(({ exp = 0 }) => exp > nowSeconds);
  if (needed !== undefined && options.early !== true) throw tooEarly(needed.kid, "be taken away", needed.exp ?? 0);
  return keys.filter((key) => !leaving.includes(key));
}

function tooEarly(kid: string, act: string, seconds: number): Error {
  const when = new Date(seconds * 1_000).toISOString();
  return mistake(`the key ${kid} should not ${act} before ${when}; --now does it all the same, and costs requests`);
}
