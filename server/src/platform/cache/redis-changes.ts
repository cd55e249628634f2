import { setTimeout as pause } from "node:timers/promises";
import type { Trx } from "#src/platform/database/database.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import type { Change } from "./cache.ts";
import { type Epoch, type Epochs, nameOf } from "./epoch.ts";
import type { Try } from "./redis-reads.ts";
import type { Store } from "./redis-store.ts";

const MARK_MS = 100;
/** A change of more keys than this begins a new epoch: that is one row, whatever the number. */
const MAX_MARKS = 500;
/** Until all processes that listen have heard of a new epoch. */
const HEARD_WITHIN_MS = 250;

/**
 * Keeps Redis from showing what was there before a change. Right before the commit the keys are marked, so that nobody
 * stores anything; after it, what is there is taken away. When Redis can't be marked, the change begins a new epoch in
 * its own transaction, and is answered once everybody has heard of it.
 */
export function createRedisChanges(options: {
  store: Store;
  epochs: Epochs;
  tried: Try;
  answers(): boolean;
  log: Log;
}): (trx: Trx, keys: ReadonlySet<string>) => Promise<Change> {
  const { store, epochs, tried, log } = options;

  async function mark(names: string[]): Promise<string | undefined> {
    if (!options.answers() || names.length > MAX_MARKS) return undefined;
    return await tried(() => store.mark(names), MARK_MS).catch(() => undefined);
  }

  async function unmark(keys: ReadonlySet<string>, marked: { epoch: Epoch; token: string }): Promise<void> {
    const { epoch, token } = marked;
    try {
      // Somebody may have begun another epoch since the mark, and stored in it what was there before the commit.
      const now = await epochs.read();
      epochs.adopt(now);
      const names = [...namesOf(keys, epoch), ...(now.name === epoch.name ? [] : namesOf(keys, now))];
      await tried(() => store.unmark(names, token), MARK_MS);
    } catch (error) {
      log.warn({ err: error }, "the cache could not be told of a change; beginning a new epoch of it");
      epochs.begin();
      await pause(HEARD_WITHIN_MS);
    }
  }

  return async (trx, keys) => {
    const epoch = epochs.current() ?? (await epochs.read(trx));
    const token = await mark(namesOf(keys, epoch));
    // When nobody knows whether it was committed, the mark stays until it expires.
    if (token !== undefined) return { committed: () => unmark(keys, { epoch, token }), failed: async () => undefined };
    const raised = await epochs.raise(trx);
    const outlive = async () => {
      epochs.adopt(raised);
      await pause(HEARD_WITHIN_MS);
    };
    return { committed: outlive, failed: async () => undefined };
  };
}

function namesOf(keys: ReadonlySet<string>, epoch: Epoch): string[] {
  return Array.from(keys, (key) => nameOf(key, epoch));
}
