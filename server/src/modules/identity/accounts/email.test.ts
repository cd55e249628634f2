import fc from "fast-check";
import { expect, test } from "vitest";
import { Problem } from "#src/platform/http/problem.ts";
import { acceptEmail, normaliseEmail } from "./email.ts";

function isRefused(email: string): boolean {
  try {
    acceptEmail(email, "email");
    return false;
  } catch (error) {
    if (error instanceof Problem && error.status === 422) return true;
    throw error;
  }
}

// cases 3, 4, 5
test.each([
  ["in capitals", "ANN@EXAMPLE.COM"],
  ["with space around it", " ann@example.com\t"],
  ["in fullwidth letters", "Ａｎｎ＠ｅｘａｍｐｌｅ．ｃｏｍ"],
  ["in mathematical letters", "𝒂𝒏𝒏@example.com"],
  ["with an invisible sign in the domain", "ann@exa\u00admple.com"],
])("an address %s is the same address", (_, email) => {
  expect(acceptEmail(email, "email")).toBe("ann@example.com");
});

test("an internationalised domain is kept as what mail servers call it, however it was typed", () => {
  const expected = "ann@xn--bcher-kva.example";
  for (const email of [
    "ann@bücher.example",
    "ann@BÜCHER.example",
    "ann@bu\u0308cher.example",
    "ann@XN--BCHER-KVA.example",
  ])
    expect(acceptEmail(email, "email")).toBe(expected);
});

// cases 4, 5, 6
test.each([
  ["a Cyrillic а", "аnn@example.com"],
  ["a letter with an accent", "ánn@example.com"],
  ["a dotless ı", "sımon@example.com"],
  ["an invisible sign in the name", "a\u200bnn@example.com"],
  ["a dot at the end", "ann@example.com."],
  ["a dot before the @", "ann.@example.com"],
  ["two dots", "ann@example..com"],
  ["no dot in the domain", "ann@example"],
  ["an address of a machine", "ann@127.0.0.1"],
  ["an address of a machine in fullwidth digits", "ann@１２７.0.0.1"],
  ["an address of a machine in hex", "ann@0x7f.1"],
  ["space inside", "ann @example.com"],
  ["a line break", "ann@example.com\nbcc: bob@example.com"],
  ["two @", "ann@bob@example.com"],
  ["a slash in the domain", "ann@example.com/a"],
  ["a fullwidth slash in the domain", "ann@example.com／a"],
  ["an escape in the domain", "ann@exa%6dple.com"],
  ["a name of 65 characters", `${"a".repeat(65)}@example.com`],
  ["255 characters", `ann@${"a".repeat(50)}.${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.${"e".repeat(17)}`],
  [
    "a domain that grows beyond 254 as an A-label",
    `ann@${"ü".repeat(40)}.${"ü".repeat(40)}.${"ü".repeat(40)}.${"ö".repeat(50)}.${"ä".repeat(50)}`,
  ],
  ["nothing", ""],
  ["only an @", "@"],
])("an address with %s is refused", (_, email) => {
  expect(isRefused(email)).toBe(true);
});

test("normalising never fails and changes nothing the second time", () => {
  const around = fc.string({ unit: "binary", maxLength: 20 });
  fc.assert(
    fc.property(around, around, (local, domain) => {
      const once = normaliseEmail(`${local}@${domain}`);
      expect(isRefused(once) || normaliseEmail(once) === once).toBe(true);
    }),
  );
});
