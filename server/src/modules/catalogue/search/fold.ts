/** Letters that Unicode does not take apart, and what people type instead. */
const LETTERS: Record<string, string> = {
  ß: "ss",
  æ: "ae",
  œ: "oe",
  ø: "o",
  đ: "d",
  ð: "d",
  þ: "th",
  ł: "l",
  ı: "i",
  ħ: "h",
};
const SPECIAL = new RegExp(`[${Object.keys(LETTERS).join("")}]`, "g");
// An apostrophe between letters, in any of its shapes, belongs to the word: o'neill, chef’s.
const WORD = /[\p{L}\p{N}\p{M}]+(?:['’ʼ＇][\p{L}\p{N}\p{M}]+)*/gu;
const APOSTROPHE = /['’ʼ＇]/;
const COMPOUND = /[\p{L}\p{N}\p{M}\-‐‑_/.]+/gu;
const JOINER = /[-‐‑_/.]+/;

export type Word = {
  /** folded, without apostrophes; what is indexed and searched */
  folded: string;
  /** where it stands in the text, in UTF-16 code units, the end excluded */
  start: number;
  end: number;
};

/** Small letters without accents, so that "Café" and "cafe" are one word: NFKD (Unicode, UAX 15) without its marks. */
export function fold(text: string): string {
  return text
    .normalize("NFKD")
    .replaceAll(/\p{M}+/gu, "")
    .toLowerCase()
    .normalize("NFKD")
    .replaceAll(/\p{M}+/gu, "")
    .replaceAll(SPECIAL, (letter) => LETTERS[letter] ?? letter);
}

/** The words of a text in their order. What is neither letter nor digit is no word: operators and emoji are left out. */
export function wordsOf(text: string): Word[] {
  return [...text.matchAll(WORD)].flatMap((match) => {
    const folded = foldWord(match[0]);
    return folded === "" ? [] : [{ folded, start: match.index, end: match.index + match[0].length }];
  });
}

/**
 * What a text is indexed as: its folded words, and at the end, so that positions stay, the spellings under which some of
 * them are looked for, too: the parts around an apostrophe ("neill"), and what a hyphen joins as one word ("castiron").
 */
export function indexedText(text: string): string {
  const words = wordsOf(text).map((word) => word.folded);
  return [...words, ...otherSpellings(text)].join(" ");
}

/** The distinct folded words under which a text is found. */
export function indexedWords(text: string): Set<string> {
  return new Set([...wordsOf(text).map((word) => word.folded), ...otherSpellings(text)]);
}

// Both patterns match each run of characters as a whole and look into it afterwards: one that begins like a word and
// then fails would be tried again at each of its letters, and ten thousand letters are allowed.
function otherSpellings(text: string): string[] {
  const parts = [...text.matchAll(WORD)]
    .filter(([word]) => word.search(APOSTROPHE) !== -1)
    .flatMap(([word]) => word.split(APOSTROPHE).map(foldWord));
  const compounds = [...text.matchAll(COMPOUND)].map(([run]) => run.split(JOINER).filter((part) => part !== ""));
  const joined = compounds.filter((compound) => compound.length > 1).map((compound) => foldWord(compound.join("")));
  return [...parts, ...joined].filter((word) => word !== "");
}

function foldWord(word: string): string {
  // Folding can bring marks of its own, as ½ becomes 1⁄2: only letters and digits are left.
  return fold(word).replaceAll(/[^\p{L}\p{N}]+/gu, "");
}
