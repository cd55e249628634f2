import type { Trx } from "#src/platform/database/database.ts";
import type { SearchText } from "./search-text.ts";

/** The engine that answered. */
export type Engine = (typeof ENGINES)[number];
export const ENGINES = ["postgres", "elasticsearch"] as const;

export const SORTS = ["relevance", "price_cents", "-price_cents", "-created_at", "title"] as const;
export type SearchSort = (typeof SORTS)[number];

export type SearchQuery = {
  /** what is searched for, read by `readText`; without words in it every item matches */
  text: SearchText;
  category?: string;
  tag?: string;
  min_price_cents?: number;
  max_price_cents?: number;
  /** true: products of which some are free; false: products of which none are. Other items are neither. */
  in_stock?: boolean;
  sort: SearchSort;
  /** hits of this page */
  limit: number;
  after?: Position;
};

/** The last hit of a page, from which the next one goes on; `value` is what it was sorted by, as its engine writes it. */
export type Position = { engine: Engine; value: string; id: number };

/** A piece of a text, and whether it is what was searched for. Plain text: whoever shows it escapes it. */
export type Segment = { text: string; match: boolean };

export type Hit = {
  id: number;
  title: string;
  price_cents: number;
  category: string | null;
  tags: string[];
  sku: string | null;
  /** null for what is not sold from stock */
  in_stock: boolean | null;
  version: number;
  created_at: string;
  /** the whole title, and of the description about `SNIPPET_LENGTH` characters around the first match */
  highlights: { title: Segment[]; description: Segment[] };
};

/** How many hits there would be under each value, if this very filter were not set and all others were. */
export type Facets = {
  /** the most frequent ones, at most `MAX_FACET_VALUES`, equal ones by name */
  category: { value: string; count: number }[];
  tags: { value: string; count: number }[];
  /** every band of `PRICE_BANDS`, in their order */
  price_cents: { min_cents: number; max_cents: number | null; count: number }[];
  /** both, true first */
  in_stock: { value: boolean; count: number }[];
};

export type SearchResult = {
  engine: Engine;
  hits: Hit[];
  /** items that match the text and every filter */
  total: number;
  /** items that match the text, whatever the filters */
  matched: number;
  facets: Facets;
  next: Position | null;
  /** when the index was last written; null when it never was */
  indexed_at: string | null;
};

/** What an index holds of an active item; everything that is searched, filtered or sorted by. */
export type SearchDocument = {
  item_id: number;
  title: string;
  description: string;
  category: string | null;
  tags: string[];
  sku: string | null;
  price_cents: number;
  in_stock: boolean | null;
  version: number;
  created_at: string;
};

/**
 * Items as they were at one moment. `revision` was drawn from a sequence before the rows were read, so of two batches
 * the one with the larger revision knows every change that the other one knows: an index keeps what came with the largest
 * (Elasticsearch: as external version), and so any order and repetition of batches ends the same.
 */
export type IndexBatch = { revision: number; documents: SearchDocument[]; gone: number[] };

/** Full-text search over the active items. Each engine keeps the same promises; `search.contract.ts` holds it to them. */
export type SearchIndex = {
  readonly engine: Engine;
  /** @throws what says that the engine is away; never because of what is searched for */
  search(query: SearchQuery): Promise<SearchResult>;
  /** For each of these words that the index does not know: the likeliest one within two edits, as items spell it. */
  correct(words: string[]): Promise<Map<string, string>>;
  /** Completions of what somebody is typing, the most frequent first. */
  suggest(text: SearchText, limit: number): Promise<string[]>;
  /** Makes the index say what the batch says; `trx` for an engine that lives in the same database. */
  index(trx: Trx, batch: IndexBatch): Promise<void>;
};

/** Lower bounds in cents of the bands that prices are counted in; each ends where the next begins, the last one nowhere. */
export const PRICE_BANDS = [0, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000] as const;
/** Values of one facet that are told, the most frequent ones. */
export const MAX_FACET_VALUES = 20;
/** Characters of a description that are shown around what was found in it. */
export const SNIPPET_LENGTH = 200;
/** Completions of what somebody is typing. */
export const MAX_SUGGESTIONS = 10;
