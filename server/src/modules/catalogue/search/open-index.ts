import type { Context } from "#src/platform/context.ts";
import { createPostgresIndex } from "./postgres-index.ts";
import type { SearchIndex } from "./search-index.ts";

/** The index that is configured. */
export function openIndex(context: Context): SearchIndex {
  return createPostgresIndex(context.db);
}
