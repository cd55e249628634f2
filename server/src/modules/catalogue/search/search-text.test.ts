import fc from "fast-check";
import { expect, test } from "vitest";
import { fold, indexedText, indexedWords, wordsOf } from "./fold.ts";
import { segmentsOf, snippetOf } from "./highlight.ts";
import { SNIPPET_LENGTH } from "./search-index.ts";
import { openWord, readText, respelt, wantedWords } from "./search-text.ts";

const FOLDED: [string, string][] = [
  ["Café", "cafe"],
  ["STRASSE Straße", "strasse strasse"],
  ["Smörgåsbord", "smorgasbord"],
  ["Æsop", "aesop"],
  ["İstanbul ILGIN", "istanbul ilgin"],
  ["ﬁne №", "fine no"],
  ["ΑΘΉΝΑ", "αθηνα"],
];

test.for(FOLDED)("%s is folded to %s", ([text, folded]) => {
  expect(fold(text)).toBe(folded);
});

test("a text is indexed by its words, by what stands around an apostrophe, and by what a hyphen joins", () => {
  expect(indexedText("O'Neill's cast-iron pan!")).toBe("oneills cast iron pan o neill s castiron");
  expect([...indexedWords("chef’s")]).toEqual(["chefs", "chef", "s"]);
  expect(indexedText("🎂 & <->")).toBe("");
});

test("the longest description is read in a moment, whatever it is made of", () => {
  for (const part of ["a", "a'", "a-", "-", "'", "ﷺ", "e\u0301"]) {
    const text = part.repeat(10_000 / part.length);
    expect(indexedWords(text).size).toBeLessThanOrEqual(3);
  }
}, 5_000);

const READ: [string, { all: string[][]; none: string[][] }[], string | undefined][] = [
  ["steel kettle", [{ all: [["steel"], ["kettle"]], none: [] }], "kettle"],
  ["steel kettle ", [{ all: [["steel"], ["kettle"]], none: [] }], undefined],
  ['"bread knife" -pocket', [{ all: [["bread", "knife"]], none: [["pocket"]] }], undefined],
  [
    "tea or coffee",
    [
      { all: [["tea"]], none: [] },
      { all: [["coffee"]], none: [] },
    ],
    "coffee",
  ],
  ["or OR or", [], undefined],
  ["KNI-002", [{ all: [["kni", "002"]], none: [] }], "002"],
  ['"open quote', [{ all: [["open", "quote"]], none: [] }], undefined],
  ["& | ! <->", [], undefined],
  ["-", [], undefined],
];

test.for(READ)("%j is read as what it asks for", ([typed, alternatives, open]) => {
  const text = readText(typed);
  expect(text.alternatives).toEqual(alternatives);
  expect(openWord(text)).toBe(open);
});

test("a corrected text keeps what was not corrected as it was typed", () => {
  const spellings = new Map([
    ["ketle", "kettle"],
    ["oneil", "o'neill"],
  ]);
  expect(respelt(readText('Steel  KETLE -"ONEIL x"'), spellings).typed).toBe('Steel  kettle -"o\'neill x"');
});

test("any text can be read, and what is made of it holds letters and digits only", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 80 }), (typed) => {
      for (const word of wantedWords(readText(typed))) expect(word).toMatch(/^[\p{L}\p{N}]+$/u);
    }),
    { numRuns: 500 },
  );
});

test("the pieces of a highlighted text are the text, whatever is in it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 300 }), (text) => {
      const found = {
        words: new Set(
          wordsOf(text)
            .map(({ folded }) => folded)
            .slice(0, 2),
        ),
        prefix: "a",
      };
      expect(
        segmentsOf(text, found)
          .map((segment) => segment.text)
          .join(""),
      ).toBe(text);
      const snippet = snippetOf(text, found)
        .map((segment) => segment.text)
        .join("");
      expect(snippet.length).toBeLessThanOrEqual(SNIPPET_LENGTH + 2);
    }),
  );
});

test("a snippet shows where the first match is, and says where it was cut", () => {
  const text = `${"before ".repeat(50)}kettle ${"after ".repeat(50)}`;
  const snippet = snippetOf(text, { words: new Set(["kettle"]), prefix: undefined });
  expect(snippet.filter(({ match }) => match)).toEqual([{ text: "kettle", match: true }]);
  expect(snippet[0]?.text).toMatch(/^…before /);
  expect(snippet.at(-1)?.text).toMatch(/after…$/);
});
