import { setTimeout } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import type { Client, TestApp } from "#test/app.ts";
import { isAnsweredByEngine, startSearchShop, wanting, within } from "#test/search-engine.ts";
import { prepareEngine } from "./engine-process.ts";
import { seeded } from "./random.ts";

const ENGINES = [
  { name: "Elasticsearch", service: "elasticsearch", home: process.env["ELASTICSEARCH_HOME"] },
  { name: "OpenSearch", service: "opensearch", home: process.env["OPENSEARCH_HOME"] },
];
const WITHIN_MS = 300_000;
const SLOW_MS = 60_000;
// The engine under test starts again on the same cores.
const PAUSE_MS = 25;
const PRODUCTS = 60;
const SEARCHERS = 2;
/** What the reliability page promises, from the moment that the engine answers again. */
const CONVERGES_WITHIN_MS = 30_000;
/** Answers before and in the outage. */
const ANSWERS = 100;
const DRIFT = "search: the index in the engine says what the items say";

describe.each(ENGINES)("$name", { timeout: WITHIN_MS }, ({ name, service, home = "" }) => {
  const present = home !== "";
  const needed = present ? name : wanting(service);

  test.runIf(present).each([
    ["killed", "SIGKILL"],
    ["frozen", "SIGSTOP"],
  ] as const)(
    `an engine that is %s under load fails no request, and agrees again after its return (${needed})`,
    async (what, signal) => {
      await using engine = await prepareEngine(service, home);
      await engine.start();
      await using running = await startSearchShop(engine.url);
      const { shop } = running;
      const staff = await shop.signUp("staff");
      const products = await Promise.all(Array.from({ length: PRODUCTS }, (_, n) => put(staff, n)));
      await converged(shop);

      await using load = startLoad(shop, staff, products);
      await within(SLOW_MS, () => load.answers("elasticsearch").length > ANSWERS);
      await engine.signal(signal);
      await within(SLOW_MS, () => load.answers("postgres").length > ANSWERS);
      const ready = await shop.anonymous.get("/readyz");
      expect(ready.body).toMatchObject({ status: "degraded", checks: { database: "ok", search: "failed" } });
      if (signal === "SIGKILL") await engine.start();
      else await engine.signal("SIGCONT");
      const returnedAt = performance.now();
      await converged(shop);
      const convergedMs = performance.now() - returnedAt;
      await load.stop();
      await converged(shop);

      expect(load.failures).toEqual([]);
      const figures = [
        `${name} ${what}: ${load.answers("elasticsearch").length} answers of the engine, ${load.answers("postgres").length} of PostgreSQL`,
        `${load.writes()} writes, 0 failed`,
        `slowest answer ${Math.max(...load.answers("postgres")).toFixed(0)} ms`,
        `median with the engine ${median(load.answers("elasticsearch")).toFixed(1)} ms, without ${median(load.answers("postgres")).toFixed(1)} ms`,
        `agreed ${convergedMs.toFixed(0)} ms after its return`,
      ];
      process.stdout.write(`${figures.join("; ")}\n`);
      const dead = await shop.db
        .selectFrom("deliveries")
        .select("message_id")
        .where("dead_at", "is not", null)
        .execute();
      expect(dead).toEqual([]);
      const findings = await verifyDatabase(shop.url, { config: shop.config });
      expect(findings.filter(({ offending }) => offending.length > 0)).toEqual([]);
      expect(findings.map((finding) => finding.name)).toContain(DRIFT);
    },
  );
});

async function put(staff: Client, n: number): Promise<number> {
  const product = { name: `Kettle number ${n}`, price_cents: 1_000 + n, stock: 1 };
  return Number((await staff.post("/api/v2/products", product)).body["id"]);
}

/**
 * Resolves when the engine answers and has been told of everything that had happened by now; what goes on happening is
 * not waited for. Rejects after the time that was promised.
 */
async function converged(shop: TestApp): Promise<void> {
  const { last } = await shop.db
    .selectFrom("outbox")
    .select((rows) => rows.fn.max("id").as("last"))
    .executeTakeFirstOrThrow();
  const open = shop.db
    .selectFrom("deliveries")
    .select("message_id")
    .where("message_id", "<=", last)
    .where("handled_at", "is", null)
    .where("dead_at", "is", null);
  await within(
    CONVERGES_WITHIN_MS,
    async () => (await open.execute()).length === 0 && (await isAnsweredByEngine(shop)),
  );
}

function startLoad(shop: TestApp, staff: Client, products: number[]) {
  let stopped = false;
  let writes = 0;
  const random = seeded(1);
  const failures: unknown[] = [];
  const answered: Record<string, number[]> = { elasticsearch: [], postgres: [] };
  const judge = (what: string, { statusCode, body }: { statusCode: number; body: unknown }, expected: number) => {
    if (statusCode !== expected) failures.push({ what, statusCode, body });
  };
  const search = async () => {
    const startedAt = performance.now();
    const answer = await shop.anonymous.get("/api/v1/search/items?q=kettle&in_stock=true");
    judge("search", answer, 200);
    answered[String(answer.body["engine"])]?.push(performance.now() - startedAt);
    await setTimeout(PAUSE_MS);
  };
  const write = async () => {
    const id = products[Math.floor(random() * products.length)] ?? 0;
    judge("change", await staff.patch(`/api/v2/products/${id}`, { price_cents: 1_000 + writes }), 200);
    const delta = writes % 2 === 0 ? 1 : -1;
    judge("adjust", await staff.post(`/api/v2/products/${products[0] ?? 0}/stock`, { delta, reason: "count" }), 201);
    writes += 1;
    await setTimeout(PAUSE_MS);
  };
  const repeat = async (act: () => Promise<void>) => {
    while (!stopped) await act();
  };
  const all = Promise.all([...Array.from({ length: SEARCHERS }, () => repeat(search)), repeat(write)]);
  const stop = async () => {
    stopped = true;
    await all;
  };
  return {
    failures,
    answers: (engine: "elasticsearch" | "postgres") => answered[engine] ?? [],
    writes: () => writes,
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function median(values: number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
