import { expect, test } from "vitest";
import { startApp } from "#test/app.ts";

test("a search that PostgreSQL answers in the engine's place says so, and is counted", async () => {
  const env = { SEARCH: "elasticsearch", ELASTICSEARCH_URL: "http://127.0.0.1:1" };
  await using shop = await startApp({ worker: false, env });
  for (let asked = 0; asked < 5; asked += 1) {
    const { body } = await shop.anonymous.get("/api/v1/search/items");
    expect(body).toMatchObject({ data: [], engine: "postgres", degraded: true });
  }
  const { text } = await shop.anonymous.getText("/metrics");
  expect(text).toContain('searches_answered_total{by="engine"} 0\n');
  expect(text).toContain('searches_answered_total{by="fallback"} 5\n');
});
