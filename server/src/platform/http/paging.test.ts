import fc from "fast-check";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { createDatabase, type Db } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { cloneDatabase } from "#test/database.ts";
import { type ListOptions, type ListQuery, type Page, readPage } from "./paging.ts";
import { Problem } from "./problem.ts";

const ROWS = 57;
const list: ListOptions = {
  columns: { id: "integer", price_cents: "integer", title: "text", created_at: "time" },
  defaultSort: "-created_at",
};
type Row = { id: number; price_cents: number; title: string; created_at: string };

/** Items with many equal titles and prices, and times that differ by microseconds only. */
async function stock() {
  const database = await cloneDatabase();
  const log = createLog({ logLevel: "silent", process: "test" });
  const db = createDatabase(createPool({ url: database.url, max: 2, work: "api", name: "test", log }));
  await sql`INSERT INTO users (email, full_name, password_hash) VALUES ('a@example.com', 'A', 'x')`.execute(db);
  await sql`INSERT INTO items (owner_id, title, price_cents, created_at)
    SELECT (SELECT id FROM users), (ARRAY['kettle', 'Kanne', 'été', '"; DROP TABLE items', '😀'])[1 + n % 5], n % 7,
      timestamptz '2026-11-21 10:00:00+00' + (n % 3) * interval '1 microsecond'
    FROM generate_series(1, ${ROWS}) n`.execute(db);
  return {
    db,
    async [Symbol.asyncDispose]() {
      await db.destroy();
      await database[Symbol.asyncDispose]();
    },
  };
}

async function page(db: Db, query: Partial<ListQuery>): Promise<Page<Row>> {
  const rows = db.selectFrom("items").select(["id", "price_cents", "title", "created_at"]);
  return await readPage(db, list, { skip: 0, limit: 10, ...query }, rows);
}

async function walk(db: Db, query: Partial<ListQuery>): Promise<number[]> {
  const ids: number[] = [];
  let next: Partial<ListQuery> | undefined = query;
  while (next !== undefined) {
    const { data, next_cursor }: Page<Row> = await page(db, next);
    ids.push(...data.map(({ id }) => id));
    next = next_cursor === null ? undefined : { ...query, cursor: next_cursor };
  }
  return ids;
}

test("a walk by cursor sees every row once, in the order that one big page has, for any sort and size", async () => {
  await using shop = await stock();
  const column = fc.constantFrom(
    "price_cents",
    "-price_cents",
    "title",
    "-title",
    "created_at",
    "-created_at",
    "id",
    "-id",
  );
  const sorts = fc.uniqueArray(column, { minLength: 1, maxLength: 4, selector: (one) => one.replace("-", "") });
  await fc.assert(
    fc.asyncProperty(sorts, fc.integer({ min: 3, max: 60 }), async (columns, limit) => {
      const sort = columns.join(",");
      const whole = (await page(shop.db, { sort, limit: 100 })).data.map(({ id }) => id);
      expect(whole).toHaveLength(ROWS);
      expect(await walk(shop.db, { sort, limit })).toEqual(whole);
    }),
    { numRuns: 25 },
  );
});

test("rows that come and go while somebody walks neither hide nor repeat the others", async () => {
  await using shop = await stock();
  const first = await page(shop.db, { sort: "id" });
  await sql`DELETE FROM items WHERE id <= 5`.execute(shop.db);
  const second = await page(shop.db, { sort: "id", cursor: first.next_cursor ?? "" });
  expect(second.data.map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, index) => index + 11));
});

test("skip and limit count from the start, the total is exact, the last page has no cursor", async () => {
  await using shop = await stock();
  const middle = await page(shop.db, { sort: "id", skip: 20 });
  expect(middle.data.map(({ id }) => id)[0]).toBe(21);
  expect(middle.total).toBe(ROWS);
  const last = await page(shop.db, { sort: "id", skip: 50 });
  expect([last.data.length, last.next_cursor, last.total]).toEqual([7, null, ROWS]);
  const beyond = await page(shop.db, { sort: "id", skip: 1_000 });
  expect([beyond.data, beyond.next_cursor, beyond.total]).toEqual([[], null, ROWS]);
});

async function refusal(work: Promise<unknown>): Promise<unknown> {
  try {
    await work;
    return "nothing was refused";
  } catch (error) {
    return error instanceof Problem ? [error.status, error.code] : error;
  }
}

test("a cursor that was tampered with, made up, or given out for another sort is 400", async () => {
  await using shop = await stock();
  const cursor = (await page(shop.db, { sort: "title" })).next_cursor ?? "";
  const bad = [400, "request.cursor_invalid"];
  expect(await refusal(page(shop.db, { sort: "-title", cursor }))).toEqual(bad);
  expect(await refusal(page(shop.db, { sort: "title", skip: 1, cursor }))).toEqual([400, "request.malformed"]);
  for (let at = 0; at < cursor.length; at += 3) {
    const swapped = cursor[at] === "A" ? "B" : "A";
    const other = cursor.slice(0, at) + swapped + cursor.slice(at + 1);
    expect([other, await refusal(page(shop.db, { sort: "title", cursor: other }))]).toEqual([other, bad]);
  }
  await fc.assert(
    fc.asyncProperty(fc.string({ maxLength: 50 }), async (text) => {
      expect(await refusal(page(shop.db, { sort: "title", cursor: text }))).toEqual(bad);
    }),
    { numRuns: 50 },
  );
});
