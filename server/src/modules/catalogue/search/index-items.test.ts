import { sql } from "kysely";
import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { order, stocked } from "#test/shop.ts";
import { migrate } from "#src/platform/database/migrate.ts";
import { newOrigin } from "#src/platform/telemetry/origin.ts";
import type { Message } from "#src/platform/messaging/event.ts";
import { readBatch } from "./documents.ts";
import { indexItems } from "./index-items.ts";
import { takeIndexTurn, writeBatch } from "./postgres-writes.ts";

const WRITERS = 4;
const CHANGES = 40;

test("changes, deletions, repetitions and two orders of the same messages at once all end in what the items are", async () => {
  await using shop = await startApp({ worker: false });
  const admin = await shop.signUp("admin");
  const ids = await Promise.all(
    Array.from({ length: 6 }, async (_, index) => {
      const item = { title: `Thing ${index}`, tags: ["first"], description: "as it was" };
      return Number((await admin.post("/api/v1/items", item)).body["id"]);
    }),
  );
  const changing = (async () => {
    for (let turn = 0; turn < CHANGES; turn += 1) {
      const id = ids[turn % ids.length] ?? 0;
      const change = { title: `Thing ${turn} ${"word".repeat(1 + (turn % 3))}`, tags: [`tag${turn % 4}`] };
      await admin.patch(`/api/v1/items/${id}`, change);
      if (turn === CHANGES / 2) await admin.delete(`/api/v1/items/${ids[1]}`);
    }
  })();
  const indexing = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let turn = 0; turn < CHANGES; turn += 1) {
      const turned = writer % 2 === 0 ? ids : ids.toReversed();
      await bringUpToDate(shop, [turned[turn % ids.length] ?? 0, turned[(turn + writer) % ids.length] ?? 0]);
    }
  });
  await Promise.all([changing, ...indexing]);
  await bringUpToDate(shop, [...ids, ...ids.toReversed()]);
  expect(await indexed(shop)).toEqual(await wanted(shop));
  expect(await wrongCounts(shop)).toEqual([]);
});

test("a writer that waited for another one reads what was committed meanwhile", async () => {
  await using shop = await startApp({ worker: false });
  const admin = await shop.signUp("admin");
  const id = Number((await admin.post("/api/v1/items", { title: "Old name" })).body["id"]);
  let waiting: Promise<void> | undefined;
  await shop.db.transaction().execute(async (trx) => {
    await takeIndexTurn(trx);
    const before = await readBatch(trx, [id]);
    await admin.patch(`/api/v1/items/${id}`, { title: "New name" });
    waiting = bringUpToDate(shop, [id]);
    await writeBatch(trx, before);
  });
  await waiting;
  expect(await indexed(shop)).toEqual([{ item_id: id, title: "New name", version: 2 }]);
  expect(await wrongCounts(shop)).toEqual([]);
});

test("of two batches the one that drew its revision later knows what the other one knows", async () => {
  await using shop = await startApp({ worker: false });
  const admin = await shop.signUp("admin");
  const id = Number((await admin.post("/api/v1/items", { title: "Once" })).body["id"]);
  const first = await shop.db.transaction().execute((trx) => readBatch(trx, [id, id, 999]));
  await admin.patch(`/api/v1/items/${id}`, { title: "Twice" });
  const second = await shop.db.transaction().execute((trx) => readBatch(trx, [id]));
  expect(second.revision).toBeGreaterThan(first.revision);
  expect([first, second].map(({ documents, gone }) => [documents.map(({ title }) => title), gone])).toEqual([
    [["Once"], [999]],
    [["Twice"], []],
  ]);
});

test("an item is found a moment after it was put up, and a word is forgotten with its last item", async () => {
  await using shop = await startApp();
  const owner = await shop.signUp();
  const id = Number((await owner.post("/api/v1/items", { title: "Hurdy-gurdy" })).body["id"]);
  await shop.drained();
  expect((await shop.anonymous.get("/api/v1/search/items?q=hurdygurdy")).body).toMatchObject({ total: 1 });
  await owner.delete(`/api/v1/items/${id}`);
  await shop.drained();
  expect(await shop.db.selectFrom("search_terms").select("term").execute()).toEqual([]);
});

// It takes migrations back, which is not for code that is older than its database.
test.skipIf(process.env["NEXT_SCHEMA"] === "true")(
  "items of before the search are found once it has come",
  async () => {
    await using shop = await startApp({ worker: false });
    const { id: owner_id } = await shop.signUp();
    await shop.db.insertInto("items").values({ owner_id, title: "Theremin" }).execute();
    for (let taken = ""; taken !== "0010_search";) {
      [taken = "0010_search"] = (await migrate(shop.url, { direction: "down" })).applied;
    }
    await migrate(shop.url);
    await using _worker = await shop.startWorker();
    await shop.drained();
    expect((await shop.anonymous.get("/api/v1/search/items?q=theremin")).body).toMatchObject({ total: 1 });
  },
);

test("whether a product can be had is told when the last piece goes and when one comes back, not in between", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 3 });
  const [buyer, staff] = [await shop.signUp(), await shop.signUp("staff")];
  const told = async () => {
    await shop.drained();
    const rows = await sql<{ n: number }>`
      SELECT count(*) AS n FROM outbox WHERE topic = 'product.availability_changed'`.execute(shop.db);
    return rows.rows[0]?.n;
  };
  const adjust = (delta: number) => staff.post(`/api/v2/products/${kettle}/stock`, { delta, reason: "counted" });
  const afterEach: unknown[] = [];
  await order(buyer, [[kettle, 1]]);
  afterEach.push(await told());
  const last = await order(buyer, [[kettle, 2]]);
  afterEach.push(await told());
  await buyer.post(`${String(last.headers.location)}/cancel`);
  afterEach.push(await told());
  await adjust(-1);
  afterEach.push(await told());
  await adjust(-1);
  afterEach.push(await told());
  await adjust(5);
  afterEach.push(await told());
  expect(afterEach).toEqual([0, 1, 2, 2, 3, 4]);
});

async function bringUpToDate(shop: TestApp, ids: number[]): Promise<void> {
  const messages = ids.map((item_id, id): Message<{ item_id: number }> => {
    const common = { id, topic: "item.changed", attempt: 1, occurred_at: "2026-11-21T10:00:00Z" };
    return { ...common, payload: { item_id }, origin: newOrigin() };
  });
  await shop.db.transaction().execute((trx) => indexItems(trx, messages));
}

async function indexed(shop: TestApp) {
  return await shop.db.selectFrom("item_search").select(["item_id", "title", "version"]).orderBy("item_id").execute();
}

async function wanted(shop: TestApp) {
  const rows = shop.db.selectFrom("items").select(["id as item_id", "title", "version"]).where("status", "=", "active");
  return await rows.orderBy("id").execute();
}

/** Words whose count is not the number of items that have them. */
async function wrongCounts(shop: TestApp): Promise<unknown[]> {
  const { rows } = await sql`
    SELECT * FROM (SELECT term, count(*) AS counted FROM item_search, unnest(terms) term GROUP BY term) c
    FULL JOIN search_terms t USING (term) WHERE c.counted IS DISTINCT FROM t.items`.execute(shop.db);
  return rows;
}
