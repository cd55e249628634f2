import type { Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { fold, indexedText, indexedWords, wordsOf } from "./fold.ts";
import type { IndexBatch, SearchDocument } from "./search-index.ts";
import { restsOf } from "./spelling.ts";

/** Words of one item that count for suggestions and corrections; all of them are searched. */
const MAX_TERMS_OF_ITEM = 300;
/** Longer words are no words that anybody types. */
const MAX_TERM_LENGTH = 40;

/**
 * Lets one writer of the index in at a time, until its transaction ends. Take the turn before the items are read: who
 * waited reads what was committed meanwhile, so the last writer knows the most, whatever the order of the messages.
 */
export async function takeIndexTurn(trx: Trx): Promise<void> {
  const text = "SELECT pg_advisory_xact_lock(hashtextextended('shopfloor search index', 0))";
  await named(trx, "search_turn", text, []);
}

/** Makes the tables say what the batch says, and the words be counted as they are then. Call it in one's turn. */
export async function writeBatch(trx: Trx, batch: IndexBatch): Promise<void> {
  const ids = [...batch.documents.map((document) => document.item_id), ...batch.gone];
  const before = await named<{ terms: string[] }>(trx, "search_terms_of", TERMS_OF, [ids]);
  const entries = batch.documents.map(entryOf);
  if (entries.length > 0) await named(trx, "search_upsert", UPSERT, [JSON.stringify(entries)]);
  if (batch.gone.length > 0) await named(trx, "search_remove", REMOVE, [batch.gone]);
  await countTerms(
    trx,
    changesOf(
      before.map((row) => row.terms),
      entries.map((entry) => entry.terms),
    ),
    spellingsOf(batch.documents),
  );
}

const TERMS_OF = "SELECT terms FROM item_search WHERE item_id = ANY($1::bigint[])";
const REMOVE = "DELETE FROM item_search WHERE item_id = ANY($1::bigint[])";

// Twice each text: by its stems, so that plurals are found, and as it is, for names and for the beginnings of words.
const both = (text: string, weight: string) =>
  `setweight(to_tsvector('every_word', ${text}), '${weight}') || setweight(to_tsvector('simple', ${text}), '${weight}')`;
const UPSERT = `
  INSERT INTO item_search AS s
    (item_id, title, sort_title, category, tags, sku, price_cents, created_at, version, terms, document)
  SELECT item_id, title, sort_title, category, tags, sku, price_cents, created_at, version, terms,
    ${both("name_text", "A")} || ${both("tag_text", "B")} || ${both("description_text", "C")}
  FROM jsonb_to_recordset($1::jsonb) AS d (
    item_id bigint, title text, sort_title text, category text, tags text[], sku text, price_cents bigint,
    created_at timestamptz, version integer, terms text[], name_text text, tag_text text, description_text text)
  ORDER BY item_id
  ON CONFLICT (item_id) DO UPDATE SET
    title = excluded.title, sort_title = excluded.sort_title, category = excluded.category, tags = excluded.tags,
    sku = excluded.sku, price_cents = excluded.price_cents, created_at = excluded.created_at,
    version = excluded.version, terms = excluded.terms, document = excluded.document, indexed_at = excluded.indexed_at`;

function entryOf({ description, in_stock: _live, ...document }: SearchDocument) {
  const { title, sku, tags, category } = document;
  return {
    ...document,
    sort_title: fold(title),
    terms: termsOf(document, description),
    name_text: indexedText(sku === null ? title : `${title} ${sku}`),
    tag_text: indexedText([...tags, category ?? ""].join(" ")),
    description_text: indexedText(description),
  };
}

// Without the SKU: nobody wants to be told numbers.
function textsOf({ title, tags, category }: Omit<SearchDocument, "description" | "in_stock">): string[] {
  return [title, ...tags, category ?? ""];
}

function termsOf(document: Omit<SearchDocument, "description" | "in_stock">, description: string): string[] {
  const words = new Set([...textsOf(document), description].flatMap((text) => [...indexedWords(text)]));
  return [...words].filter((word) => word.length <= MAX_TERM_LENGTH).slice(0, MAX_TERMS_OF_ITEM);
}

/** How each word is written: folded it is looked for, but suggested it has its accents and apostrophes. */
function spellingsOf(documents: SearchDocument[]): Map<string, string> {
  const texts = documents.flatMap((document) => [...textsOf(document), document.description]);
  return new Map(
    texts.flatMap((text) => wordsOf(text).map(({ folded, start, end }) => [folded, asTyped(text.slice(start, end))])),
  );
}

function asTyped(word: string): string {
  return word.toLowerCase().normalize("NFC");
}

function changesOf(before: string[][], after: string[][]): Map<string, number> {
  const changes = new Map<string, number>();
  const add = (terms: string[], by: number) => {
    for (const term of terms) changes.set(term, (changes.get(term) ?? 0) + by);
  };
  for (const terms of before) add(terms, -1);
  for (const terms of after) add(terms, 1);
  return changes;
}

const KNOWN_TERMS = "SELECT term FROM search_terms WHERE term = ANY($1::text[])";
const COUNT_TERMS = `
  UPDATE search_terms t SET items = t.items + c.change
  FROM unnest($1::text[], $2::int[]) AS c (term, change) WHERE t.term = c.term`;
const ADD_TERMS = `
  INSERT INTO search_terms (term, stem, spelling, items, rests)
  SELECT term, coalesce((ts_lexize('english_words', term))[1], term), spelling, items, rests
  FROM jsonb_to_recordset($1::jsonb) AS t (term text, spelling text, items integer, rests text[])`;
const DROP_TERMS = "DELETE FROM search_terms WHERE term = ANY($1::text[]) AND items <= 0";

async function countTerms(trx: Trx, all: Map<string, number>, spellings: Map<string, string>): Promise<void> {
  const changes = [...all].filter(([, change]) => change !== 0);
  if (changes.length === 0) return;
  const terms = changes.map(([term]) => term);
  const rows = await named<{ term: string }>(trx, "search_terms_known", KNOWN_TERMS, [terms]);
  const known = new Set(rows.map((row) => row.term));
  const fresh = changes
    .filter(([term]) => !known.has(term))
    .map(([term, items]) => ({ term, items, spelling: spellings.get(term) ?? term, rests: restsOf(term) }));
  if (known.size > 0) await named(trx, "search_terms_count", COUNT_TERMS, [terms, changes.map(([, change]) => change)]);
  if (fresh.length > 0) await named(trx, "search_terms_add", ADD_TERMS, [JSON.stringify(fresh)]);
  const fewer = changes.filter(([, change]) => change < 0).map(([term]) => term);
  if (fewer.length > 0) await named(trx, "search_terms_drop", DROP_TERMS, [fewer]);
}
