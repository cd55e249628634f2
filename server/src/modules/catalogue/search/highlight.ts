import { wordsOf } from "./fold.ts";
import { type Segment, SNIPPET_LENGTH } from "./search-index.ts";

/** Characters of a snippet before its first match, so that it is read in its context. */
const LEAD_LENGTH = 60;

/** What counts as found: folded words, and the beginning of the word that was still being typed. */
export type Found = { words: ReadonlySet<string>; prefix: string | undefined };

/**
 * Takes a text apart into what was found and what stands between. No markup is made of it: whoever shows the pieces
 * escapes them like any other text, and so nothing that stands in an item can become markup.
 */
export function segmentsOf(text: string, found: Found): Segment[] {
  const segments: Segment[] = [];
  let end = 0;
  for (const word of matchesIn(text, found)) {
    if (word.start > end) segments.push({ text: text.slice(end, word.start), match: false });
    segments.push({ text: text.slice(word.start, word.end), match: true });
    end = word.end;
  }
  if (end < text.length) segments.push({ text: text.slice(end), match: false });
  return segments;
}

/** The part of a long text in which the first match stands, taken apart; its beginning when there is none. */
export function snippetOf(text: string, found: Found): Segment[] {
  if (text.length <= SNIPPET_LENGTH) return segmentsOf(text, found);
  const [first] = matchesIn(text, found);
  const from = first === undefined ? 0 : Math.max(0, Math.min(first.start - LEAD_LENGTH, text.length - SNIPPET_LENGTH));
  const start = from === 0 ? 0 : edge(text, from);
  const end = from + SNIPPET_LENGTH >= text.length ? text.length : edge(text, from + SNIPPET_LENGTH);
  const part = `${start > 0 ? "…" : ""}${text.slice(start, end).trim()}${end < text.length ? "…" : ""}`;
  return segmentsOf(part, found);
}

function matchesIn(text: string, { words, prefix }: Found) {
  return wordsOf(text).filter(({ folded }) => words.has(folded) || (prefix !== undefined && folded.startsWith(prefix)));
}

// A word is cut only where it has no beginning nearby; and never between the halves of one character.
const LONGEST_WORD = 30;

function edge(text: string, at: number): number {
  const space = text.lastIndexOf(" ", at);
  if (space > at - LONGEST_WORD) return space + 1;
  return isSecondHalf(text, at) ? at + 1 : at;
}

function isSecondHalf(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code >= 0xdc00 && code <= 0xdfff;
}
