import fc from "fast-check";
import { expect, test } from "vitest";
import { allowedEdits, editDistance, likeliest, restsOf } from "./spelling.ts";

const DISTANCES: [string, string, number][] = [
  ["kettle", "kettle", 0],
  ["ketle", "kettle", 1],
  ["kettel", "kettle", 1],
  ["knfie", "knife", 1],
  ["kitten", "sitting", 3],
  ["", "ab", 2],
];

test.for(DISTANCES)("%s and %s are %i edits apart", ([one, other, distance]) => {
  expect(editDistance(one, other, 9)).toBe(distance);
  expect(editDistance(other, one, 9)).toBe(distance);
});

const letters = fc.constantFrom("a", "b", "c", "d", "e", "ß", "😀");
const word = fc.array(letters, { minLength: 1, maxLength: 12 }).map((parts) => parts.join(""));
const edit = fc.record({ at: fc.nat(12), kind: fc.constantFrom("drop", "add", "swap", "replace"), letter: letters });

test("words within two edits of each other always have a rest in common, so no correction is overlooked", () => {
  fc.assert(
    fc.property(word, fc.array(edit, { maxLength: 2 }), (one, edits) => {
      const other = edits.reduce(edited, one);
      const rests = new Set(restsOf(one));
      expect(restsOf(other).some((rest) => rests.has(rest))).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

function edited(text: string, { at, kind, letter }: { at: number; kind: string; letter: string }): string {
  const parts = Array.from(text);
  const place = at % (parts.length + 1);
  if (kind === "add") parts.splice(place, 0, letter);
  else if (kind === "drop") parts.splice(place, 1);
  else if (kind === "replace") parts.splice(place, 1, letter);
  else parts.splice(place, 2, ...parts.slice(place, place + 2).toReversed());
  return parts.join("");
}

test("the likeliest correction has the fewest edits, then the same length, then the most items", () => {
  const known = ["kettle", "kettles", "settle", "nettle"].map((term, index) => ({
    term,
    spelling: term,
    items: index,
  }));
  expect(likeliest("ketle", known)).toBe("kettle");
  expect(likeliest("mettle", known)).toBe("nettle");
  expect(likeliest("umbrella", known)).toBeUndefined();
});

test("short words are not corrected: they have too many neighbours", () => {
  expect(["a", "ab", "abc", "abcd", "abcde"].map(allowedEdits)).toEqual([0, 0, 1, 1, 2]);
});
