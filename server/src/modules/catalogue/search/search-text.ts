import { wordsOf } from "./fold.ts";

/** Longest text that can be searched for; longer is 422. */
export const MAX_TEXT_LENGTH = 200;

/** Words that must stand next to each other, in this order; one word is a phrase of one. */
export type Phrase = string[];
/** What somebody searches for, read by `readText`. */
export type SearchText = {
  /** as it was typed */
  typed: string;
  /** `kettle steel or "bread knife" -pocket` is two alternatives of phrases that must all be there, and none excluded */
  alternatives: { all: Phrase[]; none: Phrase[] }[];
  /** whether nothing closed the last word of the last `all` phrase, so that it may be the beginning of one */
  open: boolean;
};

const TOKEN = /(?<minus>(?<=^|\s)-)?(?:"(?<quoted>[^"]*)"?|(?<word>[^\s"]+))/gu;

/**
 * Reads what was typed into a search box, in the language of web search engines (as PostgreSQL's `websearch_to_tsquery`):
 * words must all be there, "quoted ones" side by side, `or` between alternatives, `-word` must not be there. Every text
 * can be read; what is no word is left out. A word with a hyphen is a phrase of its parts.
 */
export function readText(typed: string): SearchText {
  const alternatives: SearchText["alternatives"] = [{ all: [], none: [] }];
  let open = false;
  for (const { groups = {} } of typed.matchAll(TOKEN)) {
    const { minus, quoted, word = "" } = groups;
    const wanted = minus === undefined;
    const phrase = wordsOf(quoted ?? word).map((one) => one.folded);
    const isOr = wanted && word.toLowerCase() === "or";
    if (isOr) alternatives.push({ all: [], none: [] });
    else if (phrase.length > 0) alternatives.at(-1)?.[wanted ? "all" : "none"].push(phrase);
    open = wanted && !isOr && quoted === undefined && phrase.length > 0;
  }
  const said = alternatives.filter(({ all, none }) => all.length + none.length > 0);
  return { typed, alternatives: said, open: open && /[\p{L}\p{N}\p{M}]$/u.test(typed) };
}

/** Whether nothing was typed at all; then everything is listed. Signs that are no words find nothing instead. */
export function isBlank(text: SearchText): boolean {
  return text.typed.trim() === "";
}

/** The last word, when it may be the beginning of one. */
export function openWord(text: SearchText): string | undefined {
  return text.open ? text.alternatives.at(-1)?.all.at(-1)?.at(-1) : undefined;
}

/** What was typed, with another word in place of its last one. */
export function completed({ typed }: SearchText, word: string): string {
  const start = /[\p{L}\p{N}\p{M}'’ʼ＇]*$/u.exec(typed)?.index ?? typed.length;
  return `${typed.slice(0, start).trimStart()}${word}`;
}

/** The words that are looked for, each once; not those that must not be there. */
export function wantedWords(text: SearchText): string[] {
  return [...new Set(text.alternatives.flatMap(({ all }) => all.flat()))];
}

/** The same text with some of its words written otherwise. */
export function respelt(text: SearchText, spellings: ReadonlyMap<string, string>): SearchText {
  const typed = text.typed.replaceAll(/[\p{L}\p{N}\p{M}]+(?:['’ʼ＇][\p{L}\p{N}\p{M}]+)*/gu, (written) => {
    const [word] = wordsOf(written);
    return (word !== undefined && spellings.get(word.folded)) || written;
  });
  return readText(typed);
}
