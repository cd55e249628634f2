import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client, TestApp } from "#test/app.ts";
import { HOSTILE_TEXTS } from "#test/hostile-texts.ts";
import { JUDGED_ITEMS, JUDGED_QUERIES } from "#test/search-judgement.ts";
import type { Engine } from "./search-index.ts";
import type { SearchAnswer } from "./search-schemas.ts";

/** A shop that searches with this engine; `settled` resolves when everything that was written so far can be found. */
export type SearchShop = { shop: TestApp; settled(): Promise<void>; [Symbol.asyncDispose](): Promise<void> };

type Query = Record<string, string | number | boolean>;
type Asks = {
  engine: Engine;
  product: string;
  shop(): TestApp;
  staff(): Client;
  settled(): Promise<void>;
  ask(query: Query): Promise<{ status: number; body: SearchAnswer }>;
  /** what is answered with 200 */
  search(query: Query): Promise<SearchAnswer>;
  titles(query: Query): Promise<string[]>;
  suggest(q: string): Promise<string[]>;
  /** puts a product on the shelf; gives its id */
  put(product: Record<string, unknown>): Promise<number>;
};

/**
 * Everything that a search promises, whichever engine keeps it; each engine runs this.
 * @param product what the engine calls itself, where several of them speak one language
 */
export function searchContract(engine: Engine, start: () => Promise<SearchShop>, product: string = engine): void {
  describe(`search with ${product}`, () => {
    const asks = { ...asksOf(engine, start), product };
    relevance(asks);
    narrowing(asks);
    paging(asks);
    showing(asks);
    following(asks);
    robustness(asks);
  });
}

function asksOf(engine: Engine, start: () => Promise<SearchShop>): Omit<Asks, "product"> {
  let running: SearchShop;
  let staff: Client;
  beforeAll(async () => {
    running = await start();
    staff = await running.shop.signUp("staff");
    for (const [name, category, tags, price_cents, stock, sku, description] of JUDGED_ITEMS) {
      await put({ name, category, tags, price_cents, stock, sku, description });
    }
    await running.settled();
  });
  afterAll(() => running[Symbol.asyncDispose]());
  const ask: Asks["ask"] = async (query) => {
    const asked = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
    const answer = await running.shop.anonymous.get(`/api/v1/search/items?${asked.toString()}`);
    return { status: answer.statusCode, body: answer.body as unknown as SearchAnswer };
  };
  const search: Asks["search"] = async (query) => {
    const { status, body } = await ask(query);
    expect([status, query]).toEqual([200, query]);
    return body;
  };
  const put: Asks["put"] = async (product) => {
    const answer = await staff.post("/api/v2/products", { price_cents: 100, ...product });
    expect(answer.statusCode).toBe(201);
    return Number(answer.body["id"]);
  };
  return {
    engine,
    shop: () => running.shop,
    staff: () => staff,
    settled: () => running.settled(),
    ask,
    search,
    put,
    titles: async (query) => (await search(query)).data.map((hit) => hit.title),
    async suggest(q) {
      const answer = await running.shop.anonymous.get(`/api/v1/search/suggest?q=${encodeURIComponent(q)}`);
      expect([answer.statusCode, q]).toEqual([200, q]);
      return answer.body["data"] as string[];
    },
  };
}

function relevance({ engine, product, search, titles }: Asks): void {
  test("every text of the judgement set finds what was meant, first or among the first three", async () => {
    const missed: unknown[] = [];
    let first = 0;
    let reciprocal = 0;
    for (const { kind, q, best, within, instead } of JUDGED_QUERIES) {
      const { data, did_you_mean } = await search({ q });
      const rank = data.findIndex((hit) => hit.title === best) + 1;
      if (rank === 1) first += 1;
      if (rank > 0) reciprocal += 1 / rank;
      const right = rank > 0 && rank <= within && did_you_mean === instead;
      if (!right) missed.push({ kind, q, best, rank, found: data.slice(0, 3).map((hit) => hit.title), did_you_mean });
    }
    const count = JUDGED_QUERIES.length;
    const figures = `${count} texts, ${first} first, mean reciprocal rank ${(reciprocal / count).toFixed(3)}`;
    process.stdout.write(`relevance of ${product}: ${figures}, ${missed.length} missed\n`);
    expect(missed).toEqual([]);
  });

  test("what was meant is searched for only when nothing matches what was typed, and is said", async () => {
    expect((await search({ q: "kettle" })).did_you_mean).toBeUndefined();
    expect(await search({ q: "ketle", category: "music" })).toMatchObject({ did_you_mean: "kettle", total: 0 });
    expect(await search({ q: "xyzzyplugh" })).toMatchObject({ data: [], total: 0, next_cursor: null });
    expect((await search({ q: "oneilll wetsiut" })).did_you_mean).toBe("o'neill wetsuit");
  });

  test("without a text everything is listed, the newest first", async () => {
    const listed = await search({ limit: 1 });
    expect(listed).toMatchObject({ total: JUDGED_ITEMS.length, engine, degraded: false });
    expect(listed.data.map((hit) => hit.title)).toEqual(["Green bench"]);
    expect(Date.parse(listed.indexed_at ?? "")).toBeGreaterThan(0);
    expect(await titles({ q: "  ", limit: 1 })).toEqual(["Green bench"]);
    expect(await titles({ q: "&|!" })).toEqual([]);
  });
}

function narrowing({ search }: Asks): void {
  test("filters narrow the hits, and each facet counts what it would be without its own filter", async () => {
    const all = await search({ q: "knife" });
    expect(all.total).toBe(4);
    const kitchen = await search({ q: "knife", category: "kitchen", in_stock: true });
    expect(kitchen.data.map((hit) => hit.title).toSorted()).toEqual(["Chef's knife", "Knife sharpener"]);
    expect(kitchen.facets.category).toEqual([
      { value: "kitchen", count: 2 },
      { value: "outdoor", count: 1 },
    ]);
    expect(kitchen.facets.in_stock).toEqual([
      { value: true, count: 2 },
      { value: false, count: 1 },
    ]);
    expect(kitchen.facets.tags).toEqual([
      { value: "ceramic", count: 1 },
      { value: "knife", count: 1 },
      { value: "steel", count: 1 },
    ]);
    const cheap = await search({ q: "knife", max_price_cents: 4_999, tag: "steel" });
    expect(cheap.data.map((hit) => hit.title)).toEqual(["Pocket knife"]);
    expect(cheap.facets.price_cents.filter(({ count }) => count > 0)).toEqual([
      { min_cents: 2_500, max_cents: 4_999, count: 1 },
      { min_cents: 5_000, max_cents: 9_999, count: 2 },
    ]);
    expect(cheap.facets.price_cents.at(-1)).toMatchObject({ min_cents: 50_000, max_cents: null });
  });
}

type Found = SearchAnswer["data"][number];
const byTitle = (one: string, other: string) => (one < other ? -1 : one > other ? 1 : 0);
const ORDERS: Record<string, (one: Found, other: Found) => number> = {
  relevance: () => 0,
  price_cents: (one, other) => one.price_cents - other.price_cents,
  "-price_cents": (one, other) => other.price_cents - one.price_cents,
  "-created_at": (one, other) => Date.parse(other.created_at) - Date.parse(one.created_at),
  title: (one, other) => byTitle(one.title.toLowerCase(), other.title.toLowerCase()),
};

function paging({ ask, search }: Asks): void {
  test.for(Object.keys(ORDERS))("pages sorted by %s hold every hit once, in order", async (sort) => {
    const whole = await search({ q: "steel", sort, limit: 100 });
    const paged: number[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const page: SearchAnswer = await search({ q: "steel", sort, limit: 4, ...(cursor !== "" && { cursor }) });
      expect(page.total).toBe(whole.total);
      paged.push(...page.data.map((hit) => hit.id));
      cursor = page.next_cursor;
    }
    expect(paged).toEqual(whole.data.map((hit) => hit.id));
    expect(new Set(paged).size).toBe(whole.total);
    expect(whole.data).toEqual(whole.data.toSorted(ORDERS[sort]));
  });

  test("the pages after a corrected text go on with it, and a cursor is good for its own search only", async () => {
    const first = await search({ q: "knfie", limit: 2, sort: "title" });
    const cursor = first.next_cursor ?? "";
    const second = await search({ q: "knfie", limit: 2, sort: "title", cursor });
    expect(second.did_you_mean).toBe("knife");
    expect([...first.data, ...second.data].map((hit) => hit.title)).toEqual([
      "Bread knife",
      "Chef's knife",
      "Knife sharpener",
      "Pocket knife",
    ]);
    expect((await ask({ q: "lamp", limit: 2, sort: "title", cursor })).status).toBe(400);
    expect((await ask({ q: "knfie", limit: 2, cursor })).status).toBe(400);
    expect((await ask({ q: "knfie", limit: 2, sort: "title", cursor: `${cursor}x` })).status).toBe(400);
  });
}

function showing({ search, suggest }: Asks): void {
  test("highlights are pieces of the text as it is, with what was found marked", async () => {
    const [gnome] = (await search({ q: "gnomes" })).data;
    expect(gnome?.highlights).toEqual({
      title: [
        { text: "Garden ", match: false },
        { text: "gnome", match: true },
        { text: " <script>alert(1)</script>", match: false },
      ],
      description: [{ text: "<b>Smiles</b> & waves.", match: false }],
    });
    const [bowl] = (await search({ q: "cafe bo" })).data;
    const marked = bowl?.highlights.title.filter(({ match }) => match).map(({ text }) => text);
    expect(marked).toEqual(["Café", "bowl"]);
  });

  test("suggestions complete the last word by what goes with the words before it", async () => {
    expect(await suggest("ket")).toContain("kettle");
    expect(await suggest("whistling k")).toEqual(["whistling kettle", "whistling kitchen"]);
    expect(await suggest("o'nei")).toEqual(["o'neill"]);
    expect(await suggest("caf")).toEqual(["café"]);
    expect(await suggest("")).toEqual([]);
    expect(await suggest("xyzzy")).toEqual([]);
    expect((await suggest("s")).length).toBe(10);
  });
}

function following({ put, search, titles, suggest, settled, staff, shop }: Asks): void {
  test("what is changed, sold out or taken down is found as it is then", async () => {
    const id = await put({ name: "Zither", price_cents: 100, stock: 1, sku: "ZIT-1", category: "rarities" });
    await settled();
    expect((await search({ q: "zither" })).data[0]).toMatchObject({ id, price_cents: 100, in_stock: true });
    await staff().patch(`/api/v2/products/${id}`, { price_cents: 200, name: "Dulcimer" });
    await staff().post(`/api/v2/products/${id}/stock`, { delta: -1, reason: "broken" });
    await settled();
    expect(await titles({ q: "zither", category: "rarities" })).toEqual([]);
    expect((await search({ q: "dulcimer" })).data[0]).toMatchObject({ id, price_cents: 200, in_stock: false });
    expect(await titles({ q: "dulcimer", in_stock: true })).toEqual([]);
    const admin = await shop().signUp("admin");
    expect((await admin.delete(`/api/v1/items/${id}`)).statusCode).toBe(204);
    await settled();
    expect(await search({ q: "dulcimer" })).toMatchObject({ data: [], total: 0 });
    expect(await suggest("dulc")).toEqual([]);
  });
}

function robustness({ ask, search, suggest, shop }: Asks): void {
  test.for(HOSTILE_TEXTS)("%j is searched for and completed like any other text", async (q) => {
    expect((await ask({ q })).status).toBe(200);
    expect((await suggest(q)).length).toBeLessThanOrEqual(10);
  });

  test("what is too long is refused, and what is no text can't be read", async () => {
    expect((await ask({ q: "a".repeat(3_000) })).status).toBe(422);
    for (const q of ["%00", "a%00b", "%ED%A0%80", "%ff"]) {
      expect((await shop().anonymous.get(`/api/v1/search/items?q=${q}`)).statusCode).toBe(400);
    }
    expect((await shop().anonymous.get(`/api/v1/search/suggest?q=${"a".repeat(3_000)}`)).statusCode).toBe(422);
  });

  test("any text at all is answered, and every hit of it fits its filters", async () => {
    const word = fc.constantFrom("kettle", "steel", "knife", "or", "-", '"', "'", "(", ")", "&", "|", "!", ":*", "<->");
    const text = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 40 }),
      fc.array(word, { maxLength: 12 }).map((words) => words.join(" ")),
    );
    await fc.assert(
      fc.asyncProperty(text, fc.nat(20_000), fc.boolean(), async (typed, max_price_cents, in_stock) => {
        const q = typed.replaceAll("\0", "").slice(0, 200).toWellFormed();
        const { data } = await search({ q, max_price_cents, in_stock });
        expect(data.every((hit) => hit.price_cents <= max_price_cents && hit.in_stock === in_stock)).toBe(true);
      }),
      { numRuns: 60 },
    );
  });
}
