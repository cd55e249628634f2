import type { Context } from "#src/platform/context.ts";
import { indexNames } from "./elasticsearch-aliases.ts";
import { createElasticsearchIndex } from "./elasticsearch-index.ts";
import { createFallbackIndex } from "./fallback-index.ts";
import { createPostgresIndex } from "./postgres-index.ts";
import type { SearchIndex } from "./search-index.ts";

/** The index that is configured; while its engine is away PostgreSQL answers in its place. */
export function openIndex(context: Context): SearchIndex {
  const postgres = createPostgresIndex(context.db);
  const { searchEngine, config, log } = context;
  if (searchEngine === undefined) return postgres;
  const first = createElasticsearchIndex(searchEngine, indexNames(config.elasticsearchPrefix));
  return createFallbackIndex({ first, second: postgres, counts: searchEngine.counts, log });
}
