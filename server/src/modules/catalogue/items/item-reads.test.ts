import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { until } from "#test/until.ts";
import { createItemReads } from "./item-reads.ts";

const ITEMS = 102;

test("a page takes the same number of statements whatever its size, filters, sort and place", async () => {
  await using shop = await startApp({ worker: false });
  await fill(shop);
  const cursor = String((await shop.anonymous.get("/api/v1/items?limit=1")).body["next_cursor"]);
  const counts: Record<string, number[]> = {};
  const queries = ["", "&sort=-price_cents,created_at", "&category=garden", "&skip=1", `&cursor=${cursor}`];
  for (const path of ["/api/v1/items", "/api/v2/products"]) {
    for (const query of queries) {
      if (path.endsWith("products") && query.includes("cursor")) continue;
      counts[path + query.replace(/cursor=.*/, "cursor")] = await countBoth(shop, `${path}?`, query);
    }
  }
  expect(counts).toEqual({
    "/api/v1/items": [3, 3],
    "/api/v1/items&sort=-price_cents,created_at": [3, 3],
    "/api/v1/items&category=garden": [3, 3],
    "/api/v1/items&skip=1": [3, 3],
    "/api/v1/items&cursor": [2, 2],
    "/api/v2/products": [2, 2],
    "/api/v2/products&sort=-price_cents,created_at": [2, 2],
    "/api/v2/products&category=garden": [2, 2],
    "/api/v2/products&skip=1": [2, 2],
  });
});

test("one item takes two statements when it is not cached and none when it is; one product takes one", async () => {
  await using shop = await startApp({ worker: false });
  const { items, products } = await fill(shop);
  await warm(shop, items[0] ?? 0);
  const item = `/api/v1/items/${items[1]}`;
  expect(await statementsOf(shop, () => shop.anonymous.get(item))).toBe(2);
  expect(await statementsOf(shop, () => shop.anonymous.get(item))).toBe(0);
  expect(await statementsOf(shop, () => shop.anonymous.get("/api/v1/items/999999"))).toBe(1);
  expect(await statementsOf(shop, () => shop.anonymous.get("/api/v1/items/999999"))).toBe(0);
  expect(await statementsOf(shop, () => shop.anonymous.get(`/api/v2/products/${products[0]}`))).toBe(1);
});

test("a hundred readers of as many items or products share their statements, and each gets his own", async () => {
  await using shop = await startApp({ worker: false });
  const { items, products } = await fill(shop);
  const reads = createItemReads(shop.context);
  const read = async (ids: number[], one: (id: number) => Promise<{ id: number } | undefined>) => {
    const found = await Promise.all([...ids, 999_999].map(one));
    expect(found.map((row) => row?.id)).toEqual([...ids, undefined]);
  };
  expect(await statementsOf(shop, () => read(items, reads.item))).toBe(2);
  expect(await statementsOf(shop, () => read(products, reads.product))).toBe(1);
});

test("a hundred readers of one page, or of one search, share a few statements", async () => {
  await using shop = await startApp({ worker: false });
  const paths = ["/api/v1/items", "/api/v2/products", "/api/v1/search/items", "/api/v1/search/items?q=kettle"];
  for (const path of paths) {
    const ask = async () => expect((await shop.anonymous.get(path)).statusCode).toBe(200);
    const statements = await statementsOf(shop, () => Promise.all(Array.from({ length: 100 }, ask)));
    expect({ path, isFew: statements <= 20 }).toEqual({ path, isFew: true });
  }
});

test("a page that was asked for after a change was answered shows it, however many ask for the same page", async () => {
  await using shop = await startApp({ worker: false });
  const owner = await shop.signUp();
  const { id } = (await owner.post("/api/v1/items", { title: "0" })).body;
  const crowd = new AbortController();
  const crowded = Promise.all(
    Array.from({ length: 20 }, async () => {
      while (!crowd.signal.aborted) await shop.anonymous.get("/api/v1/items");
    }),
  );
  for (let turn = 1; turn <= 50; turn += 1) {
    await owner.patch(`/api/v1/items/${String(id)}`, { title: String(turn) });
    const { data } = (await shop.anonymous.get("/api/v1/items")).body as { data: { title: string }[] };
    expect(data[0]?.title).toBe(String(turn));
  }
  crowd.abort();
  await crowded;
});

async function countBoth(shop: TestApp, path: string, query: string): Promise<number[]> {
  const counts: number[] = [];
  for (const limit of [1, 100]) {
    const statements = await statementsOf(shop, async () => {
      const { body } = await shop.anonymous.get(`${path}limit=${limit}${query}`);
      expect(body["data"]).toHaveLength(limit);
    });
    counts.push(statements);
  }
  return counts;
}

async function statementsOf(shop: TestApp, work: () => Promise<unknown>): Promise<number> {
  const before = shop.statements();
  await work();
  return shop.statements() - before;
}

async function fill(shop: TestApp): Promise<{ items: number[]; products: number[] }> {
  const staff = await shop.signUp("staff");
  const all = { category: "garden", owner_id: staff.id };
  const rows = Array.from({ length: ITEMS }, (_, n) => ({ ...all, title: "Pot", price_cents: n }));
  const items = await shop.db.insertInto("items").values(rows).returning("id").execute();
  const products = rows.map(({ category, price_cents }) => {
    return { sku: `KET-${price_cents}`, name: "Kettle", stock: 3, category, price_cents };
  });
  const made = await staff.post("/api/v2/product-batches", { products });
  expect(made.statusCode).toBe(200);
  const lines = made.body["data"] as { product_id: number }[];
  return { items: items.map(({ id }) => id), products: lines.map(({ product_id }) => product_id) };
}

/** Until the cache hears the others' changes it takes nothing from itself. */
async function warm(shop: TestApp, id: number): Promise<void> {
  await until(async () => {
    await shop.anonymous.get(`/api/v1/items/${id}`);
    return shop.context.cache.counts.hit > 0;
  });
}

test("a new name of its owner is shown with an item that is cached", async () => {
  await using shop = await startApp();
  const owner = await shop.signUp();
  const path = `/api/v1/items/${Number((await owner.post("/api/v1/items", { title: "Kettle" })).body["id"])}`;
  await shop.drained();
  expect((await shop.anonymous.get(path)).statusCode).toBe(200);
  await owner.patch("/api/v1/users/me", { full_name: "Ann Other" });
  await until(async () => {
    const { owner: shown } = (await shop.anonymous.get(path)).body as { owner?: { full_name: string } };
    return shown?.full_name === "Ann Other";
  });
});
