import { randomBytes } from "node:crypto";
import { setTimeout } from "node:timers/promises";
import { indexNames } from "#src/modules/catalogue/search/elasticsearch-aliases.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { openEngine } from "#src/platform/search/engine.ts";
import { type TestApp, startApp } from "./app.ts";

/** An engine that has just been started, on a busy machine, makes an index in its own time. */
const BUILT_WITHIN_MS = 60_000;
const LOOK_EVERY_MS = 50;

/** The real engines that tests may find: which service brings each, and the variable that says where it is. */
export const ENGINES = [
  { name: "Elasticsearch", service: "elasticsearch", url: process.env["ELASTICSEARCH_URL"] },
  { name: "OpenSearch", service: "opensearch", url: process.env["OPENSEARCH_URL"] },
] as const;

/** What to call a test that wants an engine which is not there: it is skipped, and says what brings it. */
export function wanting(service: string): string {
  return `skipped without ${service}: scripts/services/start ${service} && . .services/env`;
}

/** A shop whose searches an engine answers, under names of its own there; they are gone when it is over. */
export async function startSearchShop(url: string) {
  const prefix = `shopfloor-test-${randomBytes(6).toString("hex")}`;
  const env = { SEARCH: "elasticsearch", ELASTICSEARCH_URL: url, ELASTICSEARCH_PREFIX: prefix };
  await using undo = new AsyncDisposableStack();
  undo.defer(() => removeIndices(url, prefix));
  const shop = undo.use(await startApp({ env }));
  await within(BUILT_WITHIN_MS, () => isAnsweredByEngine(shop));
  const kept = undo.move();
  return {
    shop,
    env,
    names: indexNames(prefix),
    settled: () => settled(shop, prefix),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

async function settled(shop: TestApp, prefix: string): Promise<void> {
  await shop.drained();
  await shop.context.searchEngine?.work({ method: "POST", path: `/${indexNames(prefix).current}/_refresh` });
}

/** Whether searches are answered by the engine, not by PostgreSQL in its place. */
export async function isAnsweredByEngine(shop: TestApp): Promise<boolean> {
  return (await shop.anonymous.get("/api/v1/search/items")).body["degraded"] === false;
}

async function removeIndices(url: string, prefix: string): Promise<void> {
  const engine = openEngine({ url, log: createLog({ logLevel: "silent", process: "test" }) });
  const found = await engine.work({ method: "GET", path: `/${prefix}-*/_alias` });
  for (const index of Object.keys(found as object)) await engine.work({ method: "DELETE", path: `/${index}` });
  engine.close();
}

/** Waits for what takes longer than `until` would. @throws Error after so many milliseconds */
export async function within(limitMs: number, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not within ${limitMs} ms: ${condition.toString()}`);
    await setTimeout(LOOK_EVERY_MS);
  }
}
