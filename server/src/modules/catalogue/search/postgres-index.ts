import type { Db } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { segmentsOf, snippetOf } from "./highlight.ts";
import { writeBatch } from "./postgres-writes.ts";
import { type Hit, PRICE_BANDS, type SearchIndex, type SearchQuery, type SearchResult } from "./search-index.ts";
import { completed, isBlank, openWord, type Phrase, type SearchText, wantedWords } from "./search-text.ts";
import { COMPLETE_WORD, COMPLETE_WORD_BESIDE, SIMILAR_WORDS, searchStatement } from "./postgres-statements.ts";
import { allowedEdits, type Candidate, likeliest, MAX_CORRECTED, restsOf } from "./spelling.ts";

/** Search in PostgreSQL, in the tables that `indexItems` keeps: one statement for each of these functions. */
export function createPostgresIndex(db: Db): SearchIndex {
  return {
    engine: "postgres",
    search: (query) => search(db, query),
    correct: (words) => correct(db, words),
    suggest: (text, limit) => suggest(db, text, limit),
    index: writeBatch,
  };
}

type Row = Omit<SearchResult, "hits" | "next"> & {
  hits: (Omit<Hit, "highlights"> & { description: string; sort_value: string })[];
  found: string[];
};

async function search(db: Db, query: SearchQuery): Promise<SearchResult> {
  const { text, sort, limit, after } = query;
  const statement = searchStatement(sort, isBlank(text));
  const values = [
    ...tsqueryParts(text),
    wantedWords(text),
    query.category,
    query.tag,
    query.min_price_cents,
    query.max_price_cents,
    query.in_stock,
    limit + 1,
    sortValueOf(query),
    after?.id,
    PRICE_BANDS,
  ];
  const [row] = await named<Row>(db, statement.name, statement.text, values);
  if (row === undefined) throw new Error("the search gave no row");
  const { found, hits, ...counts } = row;
  const marked = { words: new Set(found), prefix: openWord(text) };
  const last = hits.length > limit ? hits[limit - 1] : undefined;
  return {
    ...counts,
    engine: "postgres",
    hits: hits.slice(0, limit).map(({ description, sort_value: _value, ...hit }) => ({
      ...hit,
      highlights: { title: segmentsOf(hit.title, marked), description: snippetOf(description, marked) },
    })),
    next: last === undefined ? null : { engine: "postgres", value: last.sort_value, id: last.id },
  };
}

/** Where the page begins; undefined for where the item of that id stands. Another engine's relevance means nothing here. */
function sortValueOf({ text, sort, after }: SearchQuery): string | undefined {
  const isForeign = after?.engine !== "postgres" && sort === "relevance" && !isBlank(text);
  return isForeign ? undefined : after?.value;
}

/**
 * A text as three texts for PostgreSQL: all of it; and, when its last word is open, what is beside that word in its
 * alternative, and the word with the phrase it ends, as a beginning. They hold nothing but letters, digits and our signs.
 */
function tsqueryParts(text: SearchText): [whole: string, beside: string, begun: string] {
  const whole = text.alternatives.map(websearchOf).join(" or ");
  const last = text.alternatives.at(-1);
  const open = text.open ? last?.all.at(-1) : undefined;
  if (last === undefined || open === undefined) return [whole, "", ""];
  return [whole, websearchOf({ ...last, all: last.all.slice(0, -1) }), `${open.join(" <-> ")}:*`];
}

function websearchOf({ all, none }: { all: Phrase[]; none: Phrase[] }): string {
  const quoted = (phrase: Phrase) => `"${phrase.join(" ")}"`;
  return [...all.map(quoted), ...none.map((phrase) => `-${quoted(phrase)}`)].join(" ");
}

async function correct(db: Db, words: string[]): Promise<Map<string, string>> {
  const doubtful = words.filter((word) => allowedEdits(word) > 0).slice(0, MAX_CORRECTED);
  if (doubtful.length === 0) return new Map();
  const asked = doubtful.map((word) => ({ word, rests: restsOf(word) }));
  const rows = await named<Candidate & { word: string }>(db, "search_correct", SIMILAR_WORDS, [JSON.stringify(asked)]);
  const candidates = Map.groupBy(rows, (row) => row.word);
  return new Map(
    [...candidates].flatMap(([word, near]) => {
      const best = likeliest(word, near);
      return best === undefined ? [] : [[word, best] as const];
    }),
  );
}

async function suggest(db: Db, text: SearchText, limit: number): Promise<string[]> {
  const word = openWord(text);
  if (word === undefined) return [];
  const [, beside, begun] = tsqueryParts(text);
  const isAlone = beside === "" && !begun.includes(" ");
  const rows = isAlone
    ? await named<{ spelling: string }>(db, "search_complete", COMPLETE_WORD, [word, limit])
    : await named<{ spelling: string }>(db, "search_complete_beside", COMPLETE_WORD_BESIDE, [
        word,
        limit,
        beside,
        begun,
      ]);
  return rows.map(({ spelling }) => completed(text, spelling));
}
