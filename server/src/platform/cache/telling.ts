import type pg from "pg";
import type { Log } from "#src/platform/telemetry/log.ts";
import { tellKeys } from "./announcements.ts";
import { type Cache, newCounts } from "./cache.ts";

/**
 * For a function, which reads nothing from the cache and is frozen between two invocations: it keeps nothing, and has
 * told the processes that do before a change is answered. Their time to live stands behind a message that is lost.
 */
export function createTellingCache({ pool, log }: { pool: pg.Pool; log: Log }): Cache {
  const counts = newCounts();
  return {
    counts,
    async get(_key, load) {
      counts.bypassed += 1;
      return { body: await load() };
    },
    async changing(_trx, keys) {
      const tell = () =>
        tellKeys(pool, [...keys]).catch((error: unknown) =>
          log.warn({ err: error }, "a change could not be announced"),
        );
      return { committed: tell, failed: tell };
    },
    check: async () => undefined,
    close: async () => undefined,
  };
}
