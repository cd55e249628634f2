import { fold, indexedText, indexedWords, wordsOf } from "./fold.ts";
import type { SearchDocument } from "./search-index.ts";

/** Letters of a beginning that are indexed; a longer beginning is looked up among the words. */
const PREFIX_CHARS = { min_chars: 1, max_chars: 15 } as const;

/** A longer word, with its spelling, is no completion for anybody, and from 32,766 bytes on no keyword for the engine. */
const MAX_WORD_LENGTH = 100;

// Texts arrive folded and cut into words (`fold.ts`), the same for every engine: what is left is to stem them.
const words = { type: "text", analyzer: "whitespace", index_prefixes: PREFIX_CHARS } as const;
const searched = { ...words, fields: { stemmed: { type: "text", analyzer: "stemmed" } } } as const;
const kept = { type: "keyword", index: false, doc_values: false } as const;

const MAPPINGS = {
  // A field that nobody thought of is a mistake of ours, and not for the engine to guess at.
  dynamic: "strict",
  properties: {
    item_id: { type: "long" },
    version: { type: "integer" },
    indexed_at: { type: "date" },
    title: kept,
    description: kept,
    category: { type: "keyword" },
    tags: { type: "keyword" },
    sku: kept,
    price_cents: { type: "long" },
    in_stock: { type: "boolean" },
    created_at: kept,
    created_us: { type: "long" },
    sort_title: { type: "keyword" },
    brevity: { type: "double", index: false },
    text_a: searched,
    text_b: searched,
    text_c: searched,
    all_words: searched,
    spellings: { type: "keyword", ignore_above: MAX_WORD_LENGTH },
  },
} as const;

const SETTINGS = {
  // One shard, so that counts are exact and scores comparable; tens of millions of items fit in it.
  number_of_shards: 1,
  auto_expand_replicas: "0-1",
  refresh_interval: "500ms",
} as const;

/** What an index is made of where the engine can stem English (Snowball's, as PostgreSQL's `english`). */
export const STEMMING_INDEX = {
  settings: {
    ...SETTINGS,
    analysis: {
      filter: { english: { type: "stemmer", language: "porter2" } },
      analyzer: { stemmed: { type: "custom", tokenizer: "whitespace", filter: ["english"] } },
    },
  },
  mappings: MAPPINGS,
};
/** The same for an engine that came without its analysis module: found are words, beginnings and corrections, no stems. */
export const PLAIN_INDEX = {
  settings: { ...SETTINGS, analysis: { analyzer: { stemmed: { type: "standard" } } } },
  mappings: MAPPINGS,
};

/** A document as the engine holds it: what is shown as it is, and beside it what is searched. */
export function engineDocumentOf(document: SearchDocument, indexed_at: string) {
  const { title, description, category, tags, sku } = document;
  const classes = category === null ? tags : [...tags, category];
  // Not the SKU: nobody spells one, and its parts are no words.
  const texts = [title, ...classes, description];
  return {
    ...document,
    indexed_at,
    created_us: microsecondsOf(document.created_at),
    sort_title: fold(title),
    // Who searches for a kettle wants the kettle before the brush to clean it with: as damped as in PostgreSQL.
    brevity: 1 / (3 + Math.log(1 + fold(title).length)),
    text_a: [title, ...(sku === null ? [] : [sku])].map(indexedText),
    text_b: classes.map(indexedText),
    text_c: indexedText(description),
    all_words: [...new Set(texts.flatMap((text) => [...indexedWords(text)]))].join(" "),
    spellings: [...new Set(texts.flatMap(spellingsOf))],
  };
}

// Each word folded, as it is looked for, and behind a space as it is written, with its accents and apostrophes.
function spellingsOf(text: string): string[] {
  return wordsOf(text).map(({ folded, start, end }) => {
    return `${folded} ${text.slice(start, end).toLowerCase().normalize("NFC")}`;
  });
}

/** Microseconds since 1970 of a time as PostgreSQL writes it; a Date would lose three digits, and paging skip rows. */
export function microsecondsOf(time: string): number {
  const fraction = /\.(\d{1,6})/.exec(time)?.[1] ?? "";
  // PostgreSQL leaves out the minutes of a zone that has none, which no Date can read.
  const seconds = Math.floor(Date.parse(time.replace(/(?<=[+-]\d\d)$/, ":00")) / 1_000);
  return seconds * 1_000_000 + Number(fraction.padEnd(6, "0"));
}
