import fc from "fast-check";
import { expect, test } from "vitest";
import { Problem } from "#src/platform/http/problem.ts";
import { isCommonPassword } from "./common-passwords.ts";
import { acceptPassword } from "./new-password.ts";

function objection(password: string, email?: string): string | undefined {
  try {
    acceptPassword(password, "password", email);
    return undefined;
  } catch (error) {
    if (error instanceof Problem && error.status === 422) return error.errors?.[0]?.message;
    throw error;
  }
}

// case 10
test.each(
  `password Password1 PASSWORD123 passw0rd P@ssw0rd p4ssword 12345678 1234567890 987654321 11111111 00000000 qwertyuiop
  1q2w3e4r 1qaz2wsx qazwsxedc zaq12wsx asdfghjkl zxcvbnm1 qwerty123 qwer1234 asdfasdf abcd1234 a1b2c3d4 iloveyou letmein1
  welcome1 welcome123 trustno1 football baseball1 superman sunshine princess1 dragon99 monkey12 michael1 jennifer starwars
  liverpool chelsea1 admin123 admin1234 changeme test1234 testtest 123123123 12341234 aaaaaaaa abcabcabc 19850523 23051985
  01012011 summer2024 computer swordfis gfhjkm123 ghbdtnghbdtn a12345678 aa123456 123456789a fuckyou1 passwordpassword
  password!`.split(/\s+/),
)("%s is refused as one that is guessed first", (password) => {
  expect(objection(password)).toContain("guessed first");
});

// cases 8, 11
test.each([
  "correct horse battery",
  "correct horse battery staple",
  "shopfloor-admin",
  "a-long-password-of-yours",
  "k7h2m9qx",
  "Tr0ub4dor&3",
  "x".repeat(64),
  "x".repeat(128),
  "пять старых чайников",
  "🫖🫖☕🫖🔋🫖☕🎈",
  "horse battery\u{1f50b}",
])("%s is taken as it is, of however few kinds of characters", (password) => {
  expect(objection(password)).toBeUndefined();
  expect(acceptPassword(password, "password")).toBe(password.normalize("NFKC"));
});

// case 7
test("length is counted in characters after NFKC: an emoji is one, a letter with its accent is one", () => {
  expect(objection("k7h2m9q")).toContain("fewer than 8");
  expect(objection("🫖☕🫖☕🎈🔋🫖")).toContain("fewer than 8");
  expect(objection("e\u0301a\u0301o\u0301u\u0301")).toContain("fewer than 8");
  expect(objection("🫖".repeat(128))).toBeUndefined();
  expect(objection(`${"🫖".repeat(128)}x`)).toContain("more than 128");
  // One ligature that NFKC takes apart into eighteen characters.
  expect(objection("\ufdfa".repeat(8))).toContain("more than 128");
});

test("two ways to type one password are one password", () => {
  expect(acceptPassword("Ｋaffee Ａm Morgen", "password")).toBe(acceptPassword("Kaffee Am Morgen", "password"));
  expect(acceptPassword("cafe\u0301 am Morgen", "password")).toBe(acceptPassword("caf\u00e9 am Morgen", "password"));
});

test("the account's own address, or what stands before its @, is no password for it", () => {
  expect(objection("Zoltan.Example", "zoltan.example@shop.example")).toContain("e-mail address");
  expect(objection("zoltan.example@shop.example", "zoltan.example@shop.example")).toContain("e-mail address");
  expect(objection("zoltan.example and more", "zoltan.example@shop.example")).toBeUndefined();
});

test("random passwords are hardly ever called common, and judging any takes no time worth mentioning", () => {
  const letters = fc.string({
    unit: fc.constantFrom(...Array.from("abcdefghijklmnopqrstuvwxyz0123456789")),
    minLength: 10,
    maxLength: 10,
  });
  const random = fc.sample(letters, { numRuns: 5_000, seed: 7 });
  expect(random.filter(isCommonPassword).length).toBeLessThan(50);
  // What can be cut in the most ways: were every way tried, this would not end.
  for (const hard of ["1".repeat(23), "123".repeat(8), "abcdefghijklmnopqrstuvwx", "qwertyuiop1234567890qwe"])
    expect(isCommonPassword(`${hard.slice(0, 22)}-!`)).toBe(false);
});
