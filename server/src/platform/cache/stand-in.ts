import { isUnavailable } from "#src/platform/database/errors.ts";
import { type Body, MAX_STALE_MS, type Outcome, type Reading } from "./cache.ts";

/** After the database was found away, old bodies stand in at once for so long, instead of waiting for it each time. */
const ASK_AGAIN_MS = 500;

/** A body of which nobody knows whether it is still the current one; `loadedAt` as performance.now() has it. */
export type OldBody = { body: Body; loadedAt: number };

/** Lets old bodies stand in while the database is away, and nothing else: any other failure is the reader's answer. */
export function createStandIn(counts: Record<Outcome, number>) {
  let awayUntil = 0;

  function standIn(old: OldBody | undefined): Reading | undefined {
    if (old === undefined) return undefined;
    const staleMs = performance.now() - old.loadedAt;
    if (staleMs > MAX_STALE_MS) return undefined;
    counts.stale += 1;
    return { body: old.body, staleMs };
  }

  /** @param old looked up only when it is wanted */
  return async (
    old: () => OldBody | undefined | Promise<OldBody | undefined>,
    read: () => Promise<Reading>,
  ): Promise<Reading> => {
    if (performance.now() < awayUntil) {
      const reading = standIn(await old());
      if (reading !== undefined) return reading;
    }
    try {
      return await read();
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      awayUntil = performance.now() + ASK_AGAIN_MS;
      const reading = standIn(await old());
      if (reading === undefined) throw error;
      return reading;
    }
  };
}
