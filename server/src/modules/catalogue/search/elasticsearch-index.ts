import { type Engine, EngineAway, isMissing } from "#src/platform/search/engine.ts";
import { findTargets, type IndexNames, writeLines } from "./elasticsearch-aliases.ts";
import {
  facetsOf,
  foundWords,
  readCorrections,
  readLastWritten,
  readRelevance,
  readSearch,
  readSpellings,
  spellingsOf,
} from "./elasticsearch-answer.ts";
import {
  completionBody,
  correctionBody,
  LAST_WRITTEN,
  orderOf,
  relevanceBody,
  searchBody,
  spellingBody,
} from "./elasticsearch-query.ts";
import { type Found, segmentsOf, snippetOf } from "./highlight.ts";
import type { Hit, Position, SearchIndex, SearchQuery, SearchResult } from "./search-index.ts";
import { completed, openWord, wantedWords } from "./search-text.ts";
import { allowedEdits, likeliest, MAX_CORRECTED } from "./spelling.ts";

/** A beginning that is longer has no completions. */
const MAX_BEGINNING_LENGTH = 100;

/** Asks the index something. @throws EngineAway when the engine is away or has no such index */
type Ask = (body: object) => Promise<unknown>;

/** Search by an Elasticsearch or OpenSearch. Every call throws EngineAway when it can't be used now. */
export function createElasticsearchIndex(engine: Engine, names: IndexNames): SearchIndex {
  // The same copy of the index each time: scores differ a little between copies, and a page would not fit the next.
  const path = `/${names.current}/_search?preference=shopfloor`;
  const ask: Ask = async (body) => {
    try {
      return await engine.ask({ method: "POST", path, body });
    } catch (error) {
      throw isMissing(error) ? new EngineAway("the index is not built yet", { cause: error }) : error;
    }
  };
  return {
    engine: "elasticsearch",
    search: (query) => search(ask, query),
    correct: (words) => correct(ask, words),
    async suggest(text, limit) {
      const word = openWord(text);
      if (word === undefined || word.length > MAX_BEGINNING_LENGTH) return [];
      const found = [...spellingsOf(readSpellings(await ask(completionBody(text, word)))).values()];
      const frequent = found.toSorted((one, other) => other.items - one.items).slice(0, limit);
      return frequent.map(({ spelling }) => completed(text, spelling));
    },
    async index(_, batch) {
      const targets = await findTargets(engine, names);
      if (targets.length === 0) throw new EngineAway("the index is not built yet");
      await writeLines(engine, targets, batch);
    },
  };
}

async function search(ask: Ask, asked: SearchQuery): Promise<SearchResult> {
  const query = await withOwnPosition(ask, asked);
  const [answer, written] = await Promise.all([ask(searchBody(query)), ask(LAST_WRITTEN)]);
  const found = readSearch(answer);
  const shown = found.hits.hits.slice(0, query.limit);
  const words = new Set([...wantedWords(query.text), ...foundWords(found)]);
  const marked: Found = { words, prefix: openWord(query.text) };
  const { value } = readLastWritten(written).aggregations.indexed_at;
  const last = found.hits.hits.length > query.limit ? shown.at(-1) : undefined;
  return {
    engine: "elasticsearch",
    hits: shown.map((hit) => hitOf(hit._source, marked)),
    total: found.hits.total.value,
    matched: found.aggregations.matched.doc_count,
    facets: facetsOf(found),
    next: last === undefined ? null : positionOf(query, last),
    indexed_at: value === null ? null : new Date(value).toISOString(),
  };
}

type Row = ReturnType<typeof readSearch>["hits"]["hits"][number];

function hitOf({ item_id: id, description, ...shown }: Row["_source"], found: Found): Hit {
  const highlights = { title: segmentsOf(shown.title, found), description: snippetOf(description, found) };
  return { id, ...shown, highlights };
}

function positionOf(query: SearchQuery, { _source, sort: [value] }: Row): Position {
  // Times as text: another engine may have to go on from here.
  const text = orderOf(query).field === "created_us" ? _source.created_at : String(value);
  return { engine: "elasticsearch", value: text, id: _source.item_id };
}

// Another engine's relevance means nothing here: the place of that item in our own order does.
async function withOwnPosition(ask: Ask, query: SearchQuery): Promise<SearchQuery> {
  const { after } = query;
  if (after === undefined || after.engine === "elasticsearch" || orderOf(query).field !== "_score") return query;
  const [hit] = readRelevance(await ask(relevanceBody(query.text, after.id))).hits.hits;
  // An item that is gone has no place: nothing is behind it, as nothing is less relevant than this.
  return { ...query, after: { ...after, value: String(hit?._score ?? 0) } };
}

async function correct(ask: Ask, words: string[]): Promise<Map<string, string>> {
  const doubtful = words.filter((word) => allowedEdits(word) > 0).slice(0, MAX_CORRECTED);
  if (doubtful.length === 0) return new Map();
  const { suggest = {}, aggregations } = readCorrections(await ask(correctionBody(doubtful)));
  const corrected = doubtful.flatMap((word, index) => {
    if ((aggregations.known.buckets[index]?.doc_count ?? 0) > 0) return [];
    const options = (suggest[`word_${index}`] ?? []).flatMap((entry) => entry.options);
    const candidates = options.map(({ text, freq }) => ({ spelling: text, term: text, items: freq }));
    const best = likeliest(word, candidates);
    return best === undefined ? [] : [[word, best] as const];
  });
  if (corrected.length === 0) return new Map();
  const spelt = spellingsOf(readSpellings(await ask(spellingBody(corrected.map(([, term]) => term)))));
  return new Map(corrected.map(([word, term]) => [word, spelt.get(term)?.spelling ?? term]));
}
