import type pg from "pg";
import type { Log } from "#src/platform/telemetry/log.ts";
import { createAnnouncements } from "./announcements.ts";
import type { Cache } from "./cache.ts";
import { createMemoryStore } from "./memory-store.ts";
import { createStandIn } from "./stand-in.ts";

const MAX_BYTES = 64 * 1_048_576;

/**
 * Keeps bodies in this process. A change here is known here at once; the other processes are told by NOTIFY and follow
 * within 250 ms. Whoever does not hear the others takes nothing from the cache: it only keeps what can stand in.
 */
export function createMemoryCache(options: {
  pool: pg.Pool;
  url: string;
  log: Log;
  maxBytes?: number;
  freshMs?: number;
}): Cache {
  const store = createMemoryStore({ maxBytes: options.maxBytes ?? MAX_BYTES, freshMs: options.freshMs });
  const standIn = createStandIn(store.counts);
  const announcements = createAnnouncements({
    ...options,
    onKeys: (keys) => (keys === "everything" ? store.distrust() : store.forget(keys)),
    onMissed: store.distrust,
  });
  return {
    counts: store.counts,
    get(key, load) {
      const hears = announcements.hears();
      const fresh = hears ? store.fresh(key) : undefined;
      if (fresh !== undefined) return fresh;
      return standIn(
        () => store.old(key),
        () => store.read(key, load, hears),
      );
    },
    async changing(_trx, keys) {
      // Also when the outcome is not known: to load once more than needed costs little.
      const tell = async () => {
        store.forget(keys);
        announcements.announce(keys);
      };
      return { committed: tell, failed: tell };
    },
    async check() {
      if (!announcements.hears()) throw new Error("the other processes' changes are not heard: nothing is cached");
    },
    close: () => announcements.close(),
  };
}
