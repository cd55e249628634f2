import { describe, expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import type { TestApp } from "#test/app.ts";
import { isAnsweredByEngine, startSearchShop, wanting, within } from "#test/search-engine.ts";
import { prepareEngine } from "./engine-process.ts";
import { putProduct, startLoad } from "./search-load.ts";

const ENGINES = [
  { name: "Elasticsearch", service: "elasticsearch", home: process.env["ELASTICSEARCH_HOME"] },
  { name: "OpenSearch", service: "opensearch", home: process.env["OPENSEARCH_HOME"] },
];
const WITHIN_MS = 300_000;
const SLOW_MS = 60_000;
const PRODUCTS = 60;
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
      const products = await Promise.all(Array.from({ length: PRODUCTS }, (_, n) => putProduct(staff, n)));
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

function median(values: number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
