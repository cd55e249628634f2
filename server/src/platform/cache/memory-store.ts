import { LRUCache } from "lru-cache";
import { lifetimeMs, type Load, newCounts, type Reading } from "./cache.ts";
import type { OldBody } from "./stand-in.ts";

/** What an entry takes beside its body, about. */
const OVERHEAD_BYTES = 300;
/** Without news of the others' changes a load is joined for so long only: its readers would see old things too late. */
const JOIN_UNHEARD_MS = 100;
const UNHEARD = -1;

type Entry = { reading: Reading; loadedAt: number; freshUntil: number; era: number };
function sizeOf({ reading }: Entry): number {
  // Twice: what is sent often is kept as text too.
  return 2 * (reading.body?.bytes.length ?? 0) + OVERHEAD_BYTES;
}

function oldBodyOf(entry: Entry | undefined): OldBody | undefined {
  const body = entry?.reading.body;
  return entry === undefined || body === undefined ? undefined : { body, loadedAt: entry.loadedAt };
}

type Running = { result: Promise<Reading>; startedAt: number };

/** Bodies in this process. @param options.maxBytes of bodies; the least recently used go first */
export function createMemoryStore(options: { maxBytes: number; freshMs: number | undefined }) {
  const counts = newCounts();
  const entries = new LRUCache<string, Entry>({ maxSize: options.maxBytes, sizeCalculation: sizeOf });
  const running = new Map<string, Running>();
  // Raised when news may have been missed: what was loaded before can't be trusted any more, but it can stand in.
  let era = 0;

  function load(key: string, loadBody: Load, hears: boolean): Promise<Reading> {
    const startedAt = performance.now();
    const startedIn = hears ? era : UNHEARD;
    const isCurrent = () => running.get(key)?.result === result;
    const result = loadBody().then(
      (body) => {
        const reading: Reading = { body };
        if (isCurrent()) {
          running.delete(key);
          entries.set(key, {
            reading,
            loadedAt: startedAt,
            freshUntil: startedAt + lifetimeMs(body, options.freshMs),
            era: startedIn,
          });
        }
        return reading;
      },
      (error: unknown) => {
        if (isCurrent()) running.delete(key);
        throw error;
      },
    );
    running.set(key, { result, startedAt });
    return result;
  }

  return {
    counts,
    /** What may be shown as it is. */
    fresh(key: string): Reading | undefined {
      const entry = entries.get(key);
      if (entry === undefined || entry.era !== era || performance.now() >= entry.freshUntil) return undefined;
      counts.hit += 1;
      return entry.reading;
    },
    /** @param hears whether the others' changes are heard: else what is loaded may stand in later and no more */
    read(key: string, loadBody: Load, hears: boolean): Promise<Reading> {
      const known = running.get(key);
      if (known !== undefined && (hears || performance.now() - known.startedAt < JOIN_UNHEARD_MS)) {
        counts.joined += 1;
        return known.result;
      }
      counts[hears ? "loaded" : "bypassed"] += 1;
      return load(key, loadBody, hears);
    },
    old: (key: string) => oldBodyOf(entries.get(key)),
    forget(keys: Iterable<string>): void {
      for (const key of keys) {
        entries.delete(key);
        // What is being loaded may be from before the change. Its readers began before it too; later ones must not join.
        running.delete(key);
      }
    },
    distrust(): void {
      era += 1;
      running.clear();
    },
  };
}
