import { inject } from "vitest";
import { createClone, dropClone } from "./template.ts";

export type TestDatabase = {
  url: string;
  [Symbol.asyncDispose](): Promise<void>;
};

/**
 * An empty, migrated database that belongs to the caller alone:
 * `await using database = await cloneDatabase();` drops it at the end of the block, open connections included.
 */
export async function cloneDatabase(): Promise<TestDatabase> {
  const server = inject("testServer");
  const url = await createClone(server);
  return { url, [Symbol.asyncDispose]: () => dropClone(server, url) };
}
