import { badCursor } from "#src/platform/http/errors.ts";
import { isOfKind, readCursor, writeCursor } from "#src/platform/http/paging.ts";
import {
  ENGINES,
  type Position,
  type SearchIndex,
  type SearchQuery,
  type SearchResult,
  type SearchSort,
} from "./search-index.ts";
import type { SearchAnswer, SearchRequest } from "./search-schemas.ts";
import { isBlank, MAX_TEXT_LENGTH, readText, respelt, type SearchText, wantedWords } from "./search-text.ts";

type Searched = { result: SearchResult; text: SearchText; corrected: boolean };

/**
 * Searches for what was typed and, when nothing matches it, for what was probably meant; `did_you_mean` then says what
 * the hits are hits of. Later pages go on with the text of the first one.
 * @throws badCursor (400)
 */
export async function searchItems(index: SearchIndex, request: SearchRequest): Promise<SearchAnswer> {
  const startedAt = performance.now();
  const { q = "", cursor, ...filters } = request;
  const going = cursor === undefined ? undefined : parseCursor(cursor, filters.sort, q);
  const { result, text, corrected } =
    going === undefined ? await searchFirst(index, readText(q), filters) : await searchOn(index, q, filters, going);
  const { hits, total, facets, engine, indexed_at, next } = result;
  return {
    data: hits.map(({ version: _internal, ...hit }) => hit),
    next_cursor: next === null ? null : formatCursor(filters.sort, { typed: q, searched: text.typed }, next),
    total,
    facets,
    ...(corrected && { did_you_mean: text.typed }),
    engine,
    degraded: engine !== index.engine,
    indexed_at,
    took_ms: Math.round(performance.now() - startedAt),
  };
}

type Filters = Omit<SearchQuery, "text" | "after">;

async function searchFirst(index: SearchIndex, text: SearchText, filters: Filters): Promise<Searched> {
  const result = await index.search({ ...filters, text });
  const asTyped = { result, text, corrected: false };
  const words = wantedWords(text);
  if (result.matched > 0 || words.length === 0) return asTyped;
  const meant = respelt(text, await index.correct(words));
  if (meant.typed === text.typed) return asTyped;
  const instead = await index.search({ ...filters, text: meant });
  return instead.matched > 0 ? { result: instead, text: meant, corrected: true } : asTyped;
}

async function searchOn(
  index: SearchIndex,
  typed: string,
  filters: Filters,
  { searched, after }: Going,
): Promise<Searched> {
  const text = readText(searched);
  return { result: await index.search({ ...filters, text, after }), text, corrected: searched !== typed };
}

type Going = { searched: string; after: Position };

// A typed text goes into the cursor with the one that was searched for: who changes the search begins it anew.
function formatCursor(sort: SearchSort, texts: { typed: string; searched: string }, after: Position): string {
  return writeCursor([sort, texts.typed, texts.searched, after.engine, after.value, String(after.id)]);
}

function parseCursor(cursor: string, sort: SearchSort, typed: string): Going {
  const [cursorSort, cursorTyped, searched = "", name, value = "", id = ""] = readCursor(cursor, 6);
  const engine = ENGINES.find((known) => known === name);
  if (cursorSort !== sort) throw badCursor({ detail: "the cursor belongs to another sort" });
  if (cursorTyped !== typed) throw badCursor({ detail: "the cursor belongs to another search" });
  const isGood = searched.length <= MAX_TEXT_LENGTH && isSortValue(sort, searched, value) && isOfKind("integer", id);
  if (engine === undefined || !isGood) throw badCursor();
  return { searched, after: { engine, value, id: Number(id) } };
}

/** Anybody can make a cursor up: what PostgreSQL could not read must not get there. */
function isSortValue(sort: SearchSort, searched: string, value: string): boolean {
  if (sort === "title") return true;
  if (sort === "price_cents" || sort === "-price_cents") return isOfKind("integer", value);
  if (sort === "-created_at" || isBlank(readText(searched))) return isOfKind("time", value);
  return SCORE.test(value) && (Number(value) === 0 || Number(value) >= LEAST_SCORE);
}

const SCORE = /^\d{1,9}(?:\.\d{1,20})?(?:e-\d{1,2})?$/i;
/** What is smaller is no `real` of PostgreSQL. */
const LEAST_SCORE = Number.parseFloat("1e-37");
