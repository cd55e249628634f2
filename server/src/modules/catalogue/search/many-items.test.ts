import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createDatabase } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { startApp, type TestApp } from "#test/app.ts";
import { insertItems, type ManyItem, manyItems, randomNumbers } from "#test/many-items.ts";
import { readBatchAfter } from "./documents.ts";
import { takeIndexTurn, writeBatch } from "./postgres-writes.ts";
import { PRICE_BANDS } from "./search-index.ts";
import type { SearchAnswer } from "./search-schemas.ts";

const COUNT = 20_000;
const BATCH = 1_000;
const PATIENCE_MS = 120_000;
const SEARCHES = 60;
const items = manyItems(COUNT);
let shop: TestApp;

beforeAll(async () => {
  shop = await startApp({ worker: false });
  const { id } = await shop.signUp();
  // Not by the API's connections, which let nobody take as long as this may take.
  const log = createLog({ logLevel: "silent", process: "test" });
  const db = createDatabase(createPool({ url: shop.url, max: 1, work: "job", name: "preparation", log }));
  await insertItems({ ...shop, db }, items, id);
  for (let after = 0; after < COUNT; after += BATCH) {
    await db.transaction().execute(async (trx) => {
      await takeIndexTurn(trx);
      await writeBatch(trx, await readBatchAfter(trx, after, BATCH));
    });
  }
  await sql`ANALYZE`.execute(db);
  await db.destroy();
}, PATIENCE_MS);
afterAll(() => shop[Symbol.asyncDispose]());

type Filters = {
  category?: string;
  tag?: string;
  min_price_cents?: number;
  max_price_cents?: number;
  in_stock?: boolean;
};

test(
  "the facets of 20,000 items are what counting the rows one by one gives",
  async () => {
    const random = randomNumbers();
    const words = ["kettle", "steel knife", "camping", "oak or glass", "lamp -red", "", "torch winter"];
    for (let turn = 0; turn < SEARCHES; turn += 1) {
      const q = words[turn % words.length] ?? "";
      const filters = filtersOf(random);
      const search = new URLSearchParams(
        Object.entries({ q, ...filters }).map(([name, value]) => [name, String(value)]),
      );
      const answer = (await shop.anonymous.get(`/api/v1/search/items?${search.toString()}`)).body;
      const { total, facets } = answer as unknown as SearchAnswer;
      expect({ q, filters, total, facets }).toEqual({ q, filters, ...countedOneByOne(q, filters) });
    }
  },
  PATIENCE_MS,
);

test("a search takes one statement, a corrected one three, whatever the size of the page", async () => {
  const counts: number[][] = [];
  for (const limit of [1, 100]) {
    const taken: number[] = [];
    for (const path of [`items?q=kettle&limit=${limit}`, `items?q=ketlte&limit=${limit}`, "suggest?q=ket"]) {
      const before = shop.statements();
      expect((await shop.anonymous.get(`/api/v1/search/${path}`)).statusCode).toBe(200);
      taken.push(shop.statements() - before);
    }
    counts.push(taken);
  }
  expect(counts).toEqual([
    [1, 3, 1],
    [1, 3, 1],
  ]);
});

function filtersOf(random: (below: number) => number): Filters {
  const chosen = items[random(COUNT)];
  const min_price_cents = random(40_000);
  return {
    ...(random(2) === 0 && chosen !== undefined && { category: chosen.category }),
    ...(random(3) === 0 && chosen?.tags[0] !== undefined && { tag: chosen.tags[0] }),
    ...(random(2) === 0 && { min_price_cents, max_price_cents: min_price_cents + 10_000 }),
    ...(random(3) === 0 && { in_stock: random(2) === 0 }),
  };
}

type Fits = Record<"category" | "tag" | "price" | "stock", (item: ManyItem) => boolean>;

function countedOneByOne(q: string, filters: Filters): Pick<SearchAnswer, "total" | "facets"> {
  const fits: Fits = {
    category: (item) => filters.category === undefined || item.category === filters.category,
    tag: (item) => filters.tag === undefined || item.tags.includes(filters.tag),
    price: ({ price_cents }) =>
      price_cents >= (filters.min_price_cents ?? 0) && price_cents <= (filters.max_price_cents ?? Infinity),
    stock: (item) => filters.in_stock === undefined || inStock(item) === filters.in_stock,
  };
  const matching = items.filter((item) => isMatch(item, q));
  const but = (own?: keyof Fits) =>
    matching.filter((item) => (Object.keys(fits) as (keyof Fits)[]).every((name) => name === own || fits[name](item)));
  const prices = but("price").map((item) => item.price_cents);
  return {
    total: but().length,
    facets: {
      category: mostFrequent(but("category").map((item) => item.category)),
      tags: mostFrequent(but("tag").flatMap((item) => item.tags)),
      price_cents: PRICE_BANDS.map((min_cents, index) => {
        const max_cents = (PRICE_BANDS[index + 1] ?? Infinity) - 1;
        const count = prices.filter((price) => price >= min_cents && price <= max_cents).length;
        return { min_cents, max_cents: Number.isFinite(max_cents) ? max_cents : null, count };
      }),
      in_stock: [true, false].map((value) => ({
        value,
        count: but("stock").filter((item) => inStock(item) === value).length,
      })),
    },
  };
}

function inStock({ stock }: ManyItem): boolean | null {
  return stock === null ? null : stock > 0;
}

// The words of these texts have no other forms among the items, so that looking for them needs no grammar.
function isMatch(item: ManyItem, q: string): boolean {
  const words = new Set(
    `${item.title} ${item.description} ${item.category} ${item.tags.join(" ")}`.toLowerCase().split(/\W+/),
  );
  return q
    .split(" or ")
    .some((alternative) =>
      alternative
        .split(" ")
        .every((word) => word === "" || (word.startsWith("-") ? !words.has(word.slice(1)) : words.has(word))),
    );
}

function mostFrequent(values: string[]): { value: string; count: number }[] {
  const counts = [...Map.groupBy(values, (value) => value)].map(([value, found]) => ({ value, count: found.length }));
  return counts.toSorted((one, other) => other.count - one.count || (one.value < other.value ? -1 : 1)).slice(0, 20);
}
