import { type Load, newCounts, type Reading } from "./cache.ts";
import type { Found, Store } from "./redis-store.ts";
import type { OldBody } from "./stand-in.ts";

/** What goes to Redis goes through this: bounded in time, and noted when it fails. */
export type Try = <T>(work: () => Promise<T>, limitMs: number) => Promise<T>;

/** A reader waits no longer for Redis than this; then it asks the database. */
const LOOK_MS = 40;
const STORE_MS = 100;

/** Reads by names, which are keys with their epoch. */
export function createRedisReads({ store, tried }: { store: Store; tried: Try }) {
  const counts = newCounts();
  const looks = new Map<string, Promise<Found>>();
  const loads = new Map<string, Promise<Reading>>();

  // A look is shared until it is sent: later, a change could have been answered in between.
  function look(name: string): Promise<Found> {
    const known = looks.get(name);
    if (known !== undefined) return known;
    const found = new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      looks.delete(name);
      return tried(() => store.look(name), LOOK_MS);
    });
    looks.set(name, found);
    return found;
  }

  /** While the same lease is seen, nothing was changed since it was given: its load shows all that was answered. */
  function loadOnce(name: string, { lease, state }: { lease: string; state: string }, load: Load): Promise<Reading> {
    const id = `${name} ${lease}`;
    const known = loads.get(id);
    if (known !== undefined) {
      counts.joined += 1;
      return known;
    }
    counts.loaded += 1;
    const loading = load().then((body) => {
      if (state === "leased") tried(() => store.store(name, lease, body), STORE_MS).catch(() => undefined);
      return { body };
    });
    const done = loading.finally(() => loads.delete(id));
    loads.set(id, done);
    return done;
  }

  async function bypass(load: Load): Promise<Reading> {
    counts.bypassed += 1;
    return { body: await load() };
  }

  return {
    counts,
    bypass,
    async read(name: string, load: Load): Promise<Reading> {
      const found = await look(name).catch(() => undefined);
      if (found === undefined) return await bypass(load);
      if (found.state === "fresh") {
        counts.hit += 1;
        return { body: found.body };
      }
      return found.state === "writing" ? await bypass(load) : await loadOnce(name, found, load);
    },
    async old(name: string): Promise<OldBody | undefined> {
      const found = await look(name).catch(() => undefined);
      if (found?.body === undefined) return undefined;
      return { body: found.body, loadedAt: performance.now() - found.ageMs };
    },
  };
}
