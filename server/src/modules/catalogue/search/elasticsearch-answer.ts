import Type, { type Static, type TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { EngineAway } from "#src/platform/search/engine.ts";
import { FOUND } from "./elasticsearch-query.ts";
import { type Facets, PRICE_BANDS } from "./search-index.ts";

const Shown = Type.Object({
  item_id: Type.Integer(),
  title: Type.String(),
  description: Type.String(),
  price_cents: Type.Integer(),
  category: Type.Union([Type.String(), Type.Null()]),
  tags: Type.Array(Type.String()),
  sku: Type.Union([Type.String(), Type.Null()]),
  in_stock: Type.Union([Type.Boolean(), Type.Null()]),
  version: Type.Integer(),
  created_at: Type.String(),
});
export type Shown = Static<typeof Shown>;

const Values = Type.Object({
  values: Type.Object({ buckets: Type.Array(Type.Object({ key: Type.String(), doc_count: Type.Integer() })) }),
});
const Bands = Type.Object({
  values: Type.Object({ buckets: Type.Array(Type.Object({ from: Type.Number(), doc_count: Type.Integer() })) }),
});
const Booleans = Type.Object({
  values: Type.Object({ buckets: Type.Array(Type.Object({ key: Type.Integer(), doc_count: Type.Integer() })) }),
});
const SortValue = Type.Union([Type.Number(), Type.String()]);

/** What a search is answered with, as far as we read it. */
export const readSearch = readerOf(
  Type.Object({
    hits: Type.Object({
      total: Type.Object({ value: Type.Integer() }),
      hits: Type.Array(
        Type.Object({
          _source: Shown,
          sort: Type.Array(SortValue),
          highlight: Type.Optional(Type.Record(Type.String(), Type.Array(Type.String()))),
        }),
      ),
    }),
    aggregations: Type.Object({
      matched: Type.Object({ doc_count: Type.Integer() }),
      category: Values,
      tags: Values,
      price_cents: Bands,
      in_stock: Booleans,
    }),
  }),
);
type Search = ReturnType<typeof readSearch>;

export const readRelevance = readerOf(
  Type.Object({ hits: Type.Object({ hits: Type.Array(Type.Object({ _score: Type.Number() })) }) }),
);

export const readLastWritten = readerOf(
  Type.Object({
    aggregations: Type.Object({
      indexed_at: Type.Object({ value: Type.Union([Type.Number(), Type.Null()]) }),
    }),
  }),
);

export const readCorrections = readerOf(
  Type.Object({
    aggregations: Type.Object({
      known: Type.Object({ buckets: Type.Array(Type.Object({ doc_count: Type.Integer() })) }),
    }),
    suggest: Type.Optional(
      Type.Record(
        Type.String(),
        Type.Array(
          Type.Object({
            text: Type.String(),
            options: Type.Array(Type.Object({ text: Type.String(), freq: Type.Integer() })),
          }),
        ),
      ),
    ),
  }),
);

export const readSpellings = readerOf(
  Type.Object({
    aggregations: Type.Object({
      spellings: Type.Object({ buckets: Type.Array(Type.Object({ key: Type.String(), doc_count: Type.Integer() })) }),
    }),
  }),
);

export const readBulk = readerOf(
  Type.Object({
    errors: Type.Boolean(),
    items: Type.Array(
      Type.Record(
        Type.String(),
        Type.Object({
          _id: Type.String(),
          status: Type.Integer(),
          error: Type.Optional(Type.Object({ type: Type.String(), reason: Type.Optional(Type.String()) })),
        }),
      ),
    ),
  }),
);

/** The words of an answer, the most frequent first, each as it is spelt most often, and how many items have it. */
export function spellingsOf({ aggregations }: ReturnType<typeof readSpellings>): Map<string, Spelling> {
  const found = new Map<string, Spelling>();
  for (const { key, doc_count } of aggregations.spellings.buckets) {
    const [term = "", spelling = term] = key.split(" ");
    const known = found.get(term);
    found.set(term, { spelling: known?.spelling ?? spelling, items: (known?.items ?? 0) + doc_count });
  }
  return found;
}
export type Spelling = { spelling: string; items: number };

/** The facets of an answer, with the values that nothing has where all are told. */
export function facetsOf({ aggregations }: Search): Facets {
  const values = ({ values: { buckets } }: Static<typeof Values>) =>
    buckets.map(({ key, doc_count: count }) => ({ value: key, count }));
  const bands = aggregations.price_cents.values.buckets;
  const stocked = aggregations.in_stock.values.buckets;
  return {
    category: values(aggregations.category),
    tags: values(aggregations.tags),
    price_cents: PRICE_BANDS.map((min_cents, index) => ({
      min_cents,
      max_cents: upperBound(PRICE_BANDS[index + 1]),
      count: bands.find((band) => band.from === min_cents)?.doc_count ?? 0,
    })),
    in_stock: [true, false].map((value) => ({
      value,
      count: stocked.find((bucket) => bucket.key === Number(value))?.doc_count ?? 0,
    })),
  };
}

function upperBound(next: number | undefined): number | null {
  return next === undefined ? null : next - 1;
}

const MARKED = new RegExp(`${FOUND.begin}([^${FOUND.end}]+)${FOUND.end}`, "g");

/** The folded words that the engine found by their stems, in whatever hit of the page. */
export function foundWords({ hits }: Search): string[] {
  const texts = hits.hits.flatMap(({ highlight = {} }) => Object.values(highlight).flat());
  return texts.flatMap((text) => [...text.matchAll(MARKED)].map(([, word = ""]) => word));
}

// A reader refuses what is not as expected: it comes from something that is no engine of ours, and is better not shown to anybody.
export function readerOf<Schema extends TSchema>(schema: Schema): (answer: unknown) => Static<Schema> {
  const compiled = Compile(schema);
  return (answer) => {
    if (compiled.Check(answer)) return answer;
    const [first] = compiled.Errors(answer);
    throw new EngineAway(`an answer that can't be read: ${first?.instancePath ?? ""} ${first?.message ?? ""}`);
  };
}
