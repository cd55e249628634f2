import { microsecondsOf } from "./elasticsearch-mapping.ts";
import { MAX_FACET_VALUES, PRICE_BANDS, type SearchQuery, type SearchSort } from "./search-index.ts";
import { isBlank, type Phrase, type SearchText } from "./search-text.ts";
import { isTooCommon } from "./stop-words.ts";

type Clause = Record<string, unknown>;

/** Title and SKU, tags and category, description: what is found in them counts for so much. */
const WEIGHTS = { text_a: 8, text_b: 4, text_c: 1 } as const;
const TEXTS = ["text_a", "text_b", "text_c"] as const;
/** A beginning counts for less than the word itself, and a stem for a little less. */
const PREFIX_SHARE = 0.3;
const STEM_SHARE = 0.7;
/** Of the fields beside the best one: a word in title and tags is better than one in the title alone. */
const TIE_BREAKER = 0.2;

const FIELDS = TEXTS.map((field) => `${field}^${WEIGHTS[field]}`);
const STEMMED = TEXTS.map((field) => `${field}.stemmed^${WEIGHTS[field] * STEM_SHARE}`);

type Order = { field: string; order: "asc" | "desc" };
const SORTS: Record<SearchSort, Order> = {
  relevance: { field: "_score", order: "desc" },
  price_cents: { field: "price_cents", order: "asc" },
  "-price_cents": { field: "price_cents", order: "desc" },
  "-created_at": { field: "created_us", order: "desc" },
  title: { field: "sort_title", order: "asc" },
};

/** What hits are sorted by. Where everything matches nothing is more relevant than the rest: the newest come first. */
export function orderOf({ sort, text }: SearchQuery): Order {
  return SORTS[sort === "relevance" && isBlank(text) ? "-created_at" : sort];
}

/** Around a word that was found, in texts without signs of their own. */
export const FOUND = { begin: "<", end: ">" } as const;

/** The request that answers a search: hits, total and, each without its own filter, the facets, in one round. */
export function searchBody(query: SearchQuery) {
  const filters = filtersOf(query);
  const { field, order } = orderOf(query);
  return {
    // One more than is shown tells whether there is a next page.
    size: query.limit + 1,
    track_total_hits: true,
    _source: SHOWN,
    query: relevanceOf(query.text),
    // Filters come after the aggregations, so that each facet can leave out its own.
    post_filter: all(Object.values(filters)),
    sort: [{ [field]: { order } }, { item_id: { order } }],
    ...(query.after !== undefined && { search_after: [sortValueOf(field, query.after.value), query.after.id] }),
    aggs: aggregationsOf(filters),
    highlight: HIGHLIGHT,
  };
}

const SHOWN = [
  "item_id",
  "title",
  "description",
  "price_cents",
  "category",
  "tags",
  "sku",
  "in_stock",
  "version",
  "created_at",
];
// Of the stems only: the words themselves and their beginnings are found without the engine's help.
const HIGHLIGHT = {
  pre_tags: [FOUND.begin],
  post_tags: [FOUND.end],
  number_of_fragments: 0,
  fields: Object.fromEntries(TEXTS.map((field) => [`${field}.stemmed`, {}])),
};

/** A position's value as the engine compares it; times come as PostgreSQL or we write them. */
function sortValueOf(field: string, value: string): string | number {
  if (field === "created_us") return microsecondsOf(value);
  return field === "sort_title" ? value : Number(value);
}

/** Asks how relevant this very item is, to go on behind it. */
export function relevanceBody(text: SearchText, item_id: number) {
  return { size: 1, query: relevanceOf(text), post_filter: { term: { item_id } }, _source: SHOWN };
}

/** When the index was last written. */
export const LAST_WRITTEN = { size: 0, aggs: { indexed_at: { max: { field: "indexed_at" } } } };

type Filters = { category?: Clause; tags?: Clause; price_cents?: Clause; in_stock?: Clause };

function filtersOf(query: SearchQuery): Filters {
  const { category, tag, min_price_cents: gte, max_price_cents: lte, in_stock } = query;
  const range = { ...(gte !== undefined && { gte }), ...(lte !== undefined && { lte }) };
  return {
    ...(category !== undefined && { category: { term: { category } } }),
    ...(tag !== undefined && { tags: { term: { tags: tag } } }),
    ...(Object.keys(range).length > 0 && { price_cents: { range: { price_cents: range } } }),
    ...(in_stock !== undefined && { in_stock: { term: { in_stock } } }),
  };
}

function aggregationsOf(filters: Filters) {
  const without = (own: keyof Filters, values: Clause) => {
    const others = Object.entries(filters).flatMap(([name, filter]) => (name === own ? [] : [filter]));
    return { filter: all(others), aggs: { values } };
  };
  const ranges = PRICE_BANDS.map((from, index) => {
    const to = PRICE_BANDS[index + 1];
    return { from, ...(to !== undefined && { to }) };
  });
  return {
    matched: { filter: { match_all: {} } },
    category: without("category", frequent("category", MAX_FACET_VALUES)),
    tags: without("tags", frequent("tags", MAX_FACET_VALUES)),
    price_cents: without("price_cents", { range: { field: "price_cents", ranges } }),
    in_stock: without("in_stock", { terms: { field: "in_stock" } }),
  };
}

function frequent(field: string, size: number) {
  return { terms: { field, size, order: [{ _count: "desc" }, { _key: "asc" }] } };
}

function relevanceOf(text: SearchText): Clause {
  return { function_score: { query: textClause(text), field_value_factor: { field: "brevity" } } };
}

/** What matches a text; its words arrive folded, and nothing in them is an operator to the engine. */
export function textClause(text: SearchText): Clause {
  if (isBlank(text)) return { match_all: {} };
  const phrases = text.alternatives.flatMap(({ all: wanted }) => wanted);
  // Words that are too common ("the") are not looked for, unless there are no others.
  const counts = phrases.every(isTooCommon) ? () => true : (phrase: Phrase) => !isTooCommon(phrase);
  const open = text.open ? text.alternatives.at(-1)?.all.at(-1) : undefined;
  const alternatives = text.alternatives.map(({ all: wanted, none }) => {
    const must = wanted.filter(counts).map((phrase) => (phrase === open ? begunClause(phrase) : foundClause(phrase)));
    const must_not = none.filter(counts).map(foundClause);
    return must.length + must_not.length === 0 ? { match_none: {} } : { bool: { must, must_not } };
  });
  return alternatives.length === 0 ? { match_none: {} } : any(alternatives);
}

function foundClause(phrase: Phrase): Clause {
  const type = phrase.length > 1 ? "phrase" : "best_fields";
  const fields = [...FIELDS, ...STEMMED];
  return { multi_match: { query: phrase.join(" "), type, fields, tie_breaker: TIE_BREAKER } };
}

function begunClause(phrase: Phrase): Clause {
  const [word = ""] = phrase;
  const begun = TEXTS.map((field) => {
    const boost = WEIGHTS[field] * PREFIX_SHARE;
    return phrase.length > 1
      ? { match_phrase_prefix: { [field]: { query: phrase.join(" "), boost } } }
      : { prefix: { [field]: { value: word, boost } } };
  });
  return any([foundClause(phrase), { dis_max: { queries: begun, tie_breaker: TIE_BREAKER } }]);
}

function any(clauses: Clause[]): Clause {
  return { bool: { should: clauses, minimum_should_match: 1 } };
}

function all(clauses: Clause[]): Clause {
  return clauses.length === 0 ? { match_all: {} } : { bool: { filter: clauses } };
}

/** How far a correction may be from what was typed, and how many are looked at for each word. */
const CORRECTION = { prefix_length: 0, max_edits: 2, min_word_length: 3, size: 10 } as const;

/** Asks for known words near these, and which of them are known themselves, by another form of theirs too. */
export function correctionBody(words: string[]) {
  const near = (text: string) => ({ text, term: { field: "all_words", suggest_mode: "missing", ...CORRECTION } });
  const known = words.map((word) => ({ multi_match: { query: word, fields: ["all_words", "all_words.stemmed"] } }));
  return {
    size: 0,
    suggest: Object.fromEntries(words.map((word, index) => [`word_${index}`, near(word)])),
    aggs: { known: { filters: { filters: known } } },
  };
}

/** Asks how these words are spelt. */
export function spellingBody(words: string[]) {
  return { size: 0, query: { match_all: {} }, aggs: { spellings: spellings(`(${words.join("|")}) .*`) } };
}

/** Asks how the last word may go on, in items that have what stands before it. */
export function completionBody(text: SearchText, beginning: string) {
  const phrases = text.alternatives.at(-1)?.all ?? [];
  const last = phrases.at(-1) ?? [];
  const begun = last.length > 1 ? begunClause(last) : { prefix: { all_words: { value: beginning } } };
  const clauses = [...phrases.slice(0, -1).map(foundClause), begun];
  return { size: 0, query: all(clauses), aggs: { spellings: spellings(`${beginning}.*`) } };
}

/** Words with their spellings that are counted for an answer; some are the same word spelt otherwise. */
const SPELLINGS = 50;

// A pattern is made of folded words, which are letters and digits only: there is nothing in them to escape.
function spellings(include: string) {
  const { terms } = frequent("spellings", SPELLINGS);
  return { terms: { ...terms, include } };
}
