/** Of a longer word only this much of its beginning is compared by its rests; the whole of it by the distance. */
const COMPARED_PREFIX = 7;
const MAX_EDITS = 2;
/** Words of one text that are corrected; who types more of them is not spelling. */
export const MAX_CORRECTED = 8;
/** Words of fewer letters have too many neighbours for one edit, and for two. */
const MIN_LENGTH_FOR_ONE = 3;
const MIN_LENGTH_FOR_TWO = 5;

/** How many edits away a word of this length may be from what was meant. */
export function allowedEdits(word: string): number {
  const { length } = word;
  return length < MIN_LENGTH_FOR_ONE ? 0 : length < MIN_LENGTH_FOR_TWO ? 1 : MAX_EDITS;
}

/**
 * The beginning of a word, and what is left of it when one or two letters are taken away. Two words within two edits of
 * each other have at least one rest in common, so that an index finds all of them (symmetric delete: W. Garbe, SymSpell).
 */
export function restsOf(word: string): string[] {
  // By characters: half of one is no text that a database takes.
  let layer = new Set([Array.from(word).slice(0, COMPARED_PREFIX).join("")]);
  const rests = new Set(layer);
  for (let edit = 1; edit <= MAX_EDITS; edit += 1) {
    layer = new Set([...layer].flatMap(withoutOneLetter));
    for (const rest of layer) rests.add(rest);
  }
  return [...rests];
}

function withoutOneLetter(word: string): string[] {
  const letters = Array.from(word);
  return letters.map((_letter, index) => letters.toSpliced(index, 1).join(""));
}

/**
 * Letters to insert, delete, replace or swap with their neighbour until one word is the other: optimal string alignment
 * (Damerau 1964, Levenshtein 1966). At most `limit` is counted; more is `limit + 1`.
 */
export function editDistance(one: string, other: string, limit: number): number {
  if (Math.abs(one.length - other.length) > limit) return limit + 1;
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= other.length; j += 1) {
      const same = one[i - 1] === other[j - 1];
      const replaced = (row[j - 1] ?? 0) + (same ? 0 : 1);
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced);
      const swapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      if (swapped) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      next.push(least);
    }
    [before, row] = [row, next];
  }
  return Math.min(row[other.length] ?? 0, limit + 1);
}

export type Candidate = { spelling: string; term: string; items: number };

/**
 * The likeliest of the words that somebody may have meant: the fewest edits; then the one that is as long, because letters
 * are rather mixed up than forgotten; then the one with the most items.
 */
export function likeliest(word: string, candidates: Candidate[]): string | undefined {
  const limit = allowedEdits(word);
  const near = candidates
    .map((candidate) => {
      const edits = editDistance(word, candidate.term, limit);
      return { ...candidate, edits, longer: Math.abs(candidate.term.length - word.length) };
    })
    .filter(({ edits }) => edits > 0 && edits <= limit);
  const [best] = near.toSorted(
    (one, other) =>
      one.edits - other.edits ||
      one.longer - other.longer ||
      other.items - one.items ||
      (one.term < other.term ? -1 : 1),
  );
  return best?.spelling;
}
