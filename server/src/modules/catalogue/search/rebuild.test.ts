import { describe, expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import type { Engine } from "#src/platform/search/engine.ts";
import { type Answer, startApp, type TestApp } from "#test/app.ts";
import { insertItems, manyItems } from "#test/many-items.ts";
import { ENGINES, isAnsweredByEngine, startSearchShop, wanting } from "#test/search-engine.ts";
import { until } from "#test/until.ts";
import { findIndices } from "./elasticsearch-aliases.ts";
import { rebuildEngine } from "./rebuild-engine.ts";
import { rebuildPostgres } from "./rebuild-postgres.ts";

const COUNT = 1_200;
/** Making an index takes an engine on a busy machine some seconds. */
const WITHIN_MS = 90_000;
const DRIFT = "search: the index in the engine says what the items say";

test("PostgreSQL's index is written anew under searches, which find all of it at any time", async () => {
  await using shop = await startApp();
  await insertItems(shop, manyItems(COUNT), (await shop.signUp()).id);
  expect(await rebuildPostgres({ db: shop.db })).toBe(COUNT);
  const searching = searchUntilStopped(shop);
  expect(await rebuildPostgres({ db: shop.db })).toBe(COUNT);
  const { answers, totals } = await searching.stop();
  process.stdout.write(`PostgreSQL: ${answers} searches while ${COUNT} items were indexed anew\n`);
  expect(totals).toEqual(new Set([COUNT]));
  expect(await broken(shop, "search: the index in PostgreSQL says what the items say")).toEqual([]);
});

describe.each(ENGINES)("a build in $name", { timeout: WITHIN_MS }, ({ name, service, url = "" }) => {
  const present = url !== "";
  const needed = present ? name : wanting(service);

  test.runIf(present)(
    `an index is built anew under searches and writes, and no answer has a gap (${needed})`,
    async () => {
      await using running = await startSearchShop(url);
      const { shop, names } = running;
      const engine = engineOf(shop);
      const staff = await shop.signUp("staff");
      await insertItems(shop, manyItems(COUNT), staff.id);
      expect(await rebuildEngine(engine, names, { db: shop.db })).toBe(COUNT);
      const before = await findIndices(engine, names);
      const searching = searchUntilStopped(shop);
      const changes: Promise<Answer>[] = [];
      const indexed = await rebuildEngine(engine, names, {
        db: shop.db,
        onProgress: (done) => {
          changes.push(staff.patch(`/api/v2/products/${changedIds(done)}`, { name: `Zither ${done}` }));
        },
      });
      const changed = (await Promise.all(changes)).filter(({ statusCode }) => statusCode === 200);
      await running.settled();
      const { answers, totals, engines } = await searching.stop();
      process.stdout.write(`${name}: ${answers} searches while ${COUNT} items were indexed anew\n`);
      expect(indexed).toBe(COUNT);
      expect(totals).toEqual(new Set([COUNT]));
      expect(engines).toEqual(new Set(["elasticsearch"]));
      const after = await findIndices(engine, names);
      expect(after.current).not.toBe(before.current);
      expect(after).toEqual({ current: after.current, next: after.current, all: [after.current] });
      expect((await shop.anonymous.get("/api/v1/search/items?q=zither")).body["total"]).toBe(changed.length);
      expect(changed.length).toBeGreaterThan(0);
      expect(await broken(shop, DRIFT)).toEqual([]);
    },
  );

  test.runIf(present)(`a build that is stopped leaves the index that was there (${needed})`, async () => {
    await using running = await startSearchShop(url);
    const { shop, names } = running;
    const engine = engineOf(shop);
    await insertItems(shop, manyItems(COUNT), (await shop.signUp()).id);
    await rebuildEngine(engine, names, { db: shop.db });
    const before = await findIndices(engine, names);
    const stopping = new AbortController();
    const build = { db: shop.db, signal: stopping.signal, onProgress: () => stopping.abort(new Error("enough")) };
    await expect(rebuildEngine(engine, names, build)).rejects.toThrow("enough");
    expect(await findIndices(engine, names)).toEqual(before);
    expect((await shop.anonymous.get("/api/v1/search/items")).body).toMatchObject({ total: COUNT, degraded: false });
  });
});

describe.each(ENGINES)("the index of $name", { timeout: WITHIN_MS }, ({ name, service, url = "" }) => {
  const present = url !== "";
  const needed = present ? name : wanting(service);

  test.runIf(present)(`what differs in the engine is found, named and mended (${needed})`, async () => {
    await using running = await startSearchShop(url);
    const { shop, names } = running;
    const engine = engineOf(shop);
    const [stale, gone] = [1, 2];
    await insertItems(shop, manyItems(10), (await shop.signUp()).id);
    await rebuildEngine(engine, names, { db: shop.db });
    expect(await broken(shop, DRIFT)).toEqual([]);
    await shop.db.updateTable("items").set({ version: 2, title: "Zither" }).where("id", "=", stale).execute();
    await shop.db.updateTable("items").set({ status: "archived" }).where("id", "=", gone).execute();
    await engine.work({ method: "DELETE", path: `/${names.current}/_doc/3` });
    const found = ["item 1: version 2, in the index 1", "item 2 is in it, and not for sale", "item 3 is not in it"];
    expect(await broken(shop, DRIFT)).toEqual(found);
    await verifyDatabase(shop.url, { repair: true, config: shop.config });
    expect(await broken(shop, DRIFT)).toEqual([]);
  });

  test.runIf(present)(
    `an engine that has lost its index gets it back, and PostgreSQL answers meanwhile (${needed})`,
    async () => {
      await using running = await startSearchShop(url);
      const { shop, names } = running;
      const engine = engineOf(shop);
      const staff = await shop.signUp("staff");
      await staff.post("/api/v2/products", { name: "Kettle", price_cents: 4_990, stock: 3 });
      await running.settled();
      const { all } = await findIndices(engine, names);
      for (const index of all) await engine.work({ method: "DELETE", path: `/${index}` });
      const answered = await shop.anonymous.get("/api/v1/search/items?q=kettle");
      expect(answered.body).toMatchObject({ total: 1, degraded: true, engine: "postgres" });
      await until(() => isAnsweredByEngine(shop));
      expect((await shop.anonymous.get("/api/v1/search/items?q=kettle")).body).toMatchObject({ total: 1 });
    },
  );
});

function engineOf(shop: TestApp): Engine {
  const { searchEngine } = shop.context;
  if (searchEngine === undefined) throw new Error("this shop has no engine");
  return searchEngine;
}

/** An id that is changed while a build is at this place: some behind it, some before it. */
function changedIds(done: number): number {
  return ((done * 7) % COUNT) + 3;
}

async function broken(shop: TestApp, check: string): Promise<string[]> {
  const findings = await verifyDatabase(shop.url, { config: shop.config });
  return findings.filter(({ name }) => name === check).flatMap(({ offending }) => offending);
}

function searchUntilStopped(shop: TestApp) {
  let stopped = false;
  let answers = 0;
  const totals = new Set<unknown>();
  const engines = new Set<unknown>();
  const searching = (async () => {
    while (!stopped) {
      const { statusCode, body } = await shop.anonymous.get("/api/v1/search/items");
      expect(statusCode).toBe(200);
      totals.add(body["total"]);
      engines.add(body["engine"]);
      answers += 1;
    }
  })();
  return {
    async stop() {
      stopped = true;
      await searching;
      return { answers, totals, engines };
    },
  };
}
