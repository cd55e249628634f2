import fc from "fast-check";
import { expect, test } from "vitest";
import { depthOf, MAX_DEPTH, parseForm, parseJson } from "./body.ts";
import { Problem } from "./problem.ts";

/** The nesting of a value, counted the slow way. */
function nesting(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(nesting));
}

const isRefused = (body: Buffer): boolean => {
  try {
    parseJson(body);
    return false;
  } catch (error) {
    if (error instanceof Problem && error.status === 400) return true;
    throw error;
  }
};

test("the depth that is counted without parsing is the depth that parsing finds", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
      expect(depthOf(Buffer.from(JSON.stringify(value, null, indent)))).toBe(nesting(value));
    }),
  );
});

test("brackets and escaped quotes inside of text do not count as depth", () => {
  expect(depthOf(Buffer.from(JSON.stringify({ 'a"[{\\': ['\\"[[[[', "\\\\"] })))).toBe(2);
});

test("what JSON.parse reads is read alike, as long as its text is clean and it is not too deep", () => {
  const clean = fc.jsonValue({ maxDepth: 5 }).filter((value) => {
    const text = JSON.stringify(value);
    return !/\\u0000|\\ud|__proto__|constructor/i.test(text);
  });
  fc.assert(
    fc.property(clean, (value) => {
      const text = JSON.stringify(value);
      expect(parseJson(Buffer.from(text))).toEqual(JSON.parse(text));
    }),
  );
});

test("any bytes are either read or refused with 400, never a crash", () => {
  const pieces = fc.constantFrom(
    "[",
    "{",
    "}",
    "]",
    '"',
    "\\",
    "\\u0000",
    "\\ud800",
    ":",
    ",",
    "1",
    "null",
    "\0",
    "é",
    "\u2028",
  );
  const soup = fc.array(pieces, { maxLength: 200 }).map((parts) => Buffer.from(parts.join("")));
  const noise = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
  fc.assert(fc.property(fc.oneof(soup, noise), (body) => void isRefused(body)));
});

test("a text with NUL or half a pair is refused wherever it stands and however it is written", () => {
  const bad = fc.constantFrom(String.raw`\u0000`, String.raw`\ud800`, String.raw`\uDBFF`, String.raw`\udc00`);
  const around = fc.string({ unit: fc.constantFrom("a", "é", "x y", String.raw`\\`, String.raw`\"`), maxLength: 5 });
  fc.assert(
    fc.property(bad, around, around, fc.boolean(), (text, before, after, asName) => {
      const string = `"${before}${text}${after}"`;
      expect(isRefused(Buffer.from(asName ? `[{${string}: 1}]` : `[{"a": [${string}]}]`))).toBe(true);
    }),
  );
});

test("32 levels are read, 33 are not, and a megabyte of brackets is refused without recursion", () => {
  const deep = (levels: number) => Buffer.from("[".repeat(levels) + "]".repeat(levels));
  expect(isRefused(deep(MAX_DEPTH))).toBe(false);
  expect(isRefused(deep(MAX_DEPTH + 1))).toBe(true);
  expect(isRefused(Buffer.from("[".repeat(1_048_576)))).toBe(true);
});

test("forms give back what was put in", () => {
  const word = fc.string({ unit: "grapheme" }).filter((text) => !text.includes("\0") && text.isWellFormed());
  fc.assert(
    fc.property(fc.dictionary(word, word, { minKeys: 1, noNullPrototype: true }), (fields) => {
      expect(Object.entries(parseForm(Buffer.from(new URLSearchParams(fields).toString())))).toEqual(
        expect.arrayContaining(Object.entries(fields)),
      );
    }),
  );
});
