import Type, { type Static } from "typebox";
import { DEFAULT_LIMIT, MAX_CURSOR_LENGTH, MAX_LIMIT } from "#src/platform/http/paging.ts";
import { Choice, Id, Money, Nullable, Strict, Text, Timestamp } from "#src/platform/http/schemas.ts";
import { Category, Tag } from "#src/modules/catalogue/items/item-schemas.ts";
import { ENGINES, type SearchSort, SORTS } from "./search-index.ts";
import { MAX_TEXT_LENGTH } from "./search-text.ts";

const Typed = Text(0, MAX_TEXT_LENGTH, {
  description: 'words that must all be there, "quoted ones" side by side, or between alternatives, -word to exclude',
  examples: ["steel kettle"],
});

export const SearchRequest = Strict({
  q: Type.Optional(Typed),
  category: Type.Optional(Category),
  tag: Type.Optional(Tag),
  min_price_cents: Type.Optional(Money),
  max_price_cents: Type.Optional(Money),
  in_stock: Type.Optional(
    Type.Boolean({ description: "products with, or without, free stock; other items are neither" }),
  ),
  sort: Type.Unsafe<SearchSort>({ ...Choice(SORTS), default: "relevance" }),
  limit: Type.Integer({ minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT }),
  cursor: Type.Optional(Text(0, MAX_CURSOR_LENGTH, { description: "next_cursor of the page before" })),
});
export type SearchRequest = Static<typeof SearchRequest>;

const Segments = Type.Array(
  Strict({ text: Type.String(), match: Type.Boolean({ description: "whether this is what was searched for" }) }),
  { description: "the text in pieces, without any markup: escape them like every other text" },
);
const FoundItem = Strict({
  id: Id,
  title: Type.String(),
  price_cents: Money,
  category: Nullable(Type.String()),
  tags: Type.Array(Type.String()),
  sku: Nullable(Type.String()),
  in_stock: Nullable(Type.Boolean({ description: "null for what is not sold from stock" })),
  created_at: Timestamp,
  highlights: Strict({ title: Segments, description: Segments }),
});
const Count = Type.Integer({ minimum: 0 });
const Values = Type.Array(Strict({ value: Type.String(), count: Count }));

export const SearchAnswer = Strict({
  data: Type.Array(FoundItem),
  next_cursor: Nullable(Type.String()),
  total: Count,
  facets: Strict(
    {
      category: Values,
      tags: Values,
      price_cents: Type.Array(Strict({ min_cents: Money, max_cents: Nullable(Money), count: Count })),
      in_stock: Type.Array(Strict({ value: Type.Boolean(), count: Count })),
    },
    { description: "hits under each value, if this very filter were not set" },
  ),
  did_you_mean: Type.Optional(
    Type.String({ description: "the text that was searched for instead, because nothing matched what was typed" }),
  ),
  engine: Choice(ENGINES),
  degraded: Type.Boolean({ description: "whether the configured engine was away and another one answered" }),
  indexed_at: Nullable(Timestamp),
  took_ms: Type.Integer({ minimum: 0 }),
});
export type SearchAnswer = Static<typeof SearchAnswer>;

export const SuggestRequest = Strict({ q: Text(0, MAX_TEXT_LENGTH, { default: "", examples: ["steel ke"] }) });
export const Suggestions = Strict({ data: Type.Array(Type.String({ examples: ["steel kettle"] })) });
