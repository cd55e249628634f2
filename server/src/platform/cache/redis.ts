import type pg from "pg";
import { createBreaker } from "#src/platform/breaker.ts";
import { within } from "#src/platform/deadline.ts";
import type { Redis } from "#src/platform/redis.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import type { Cache } from "./cache.ts";
import { createEpochs, type Epoch, nameOf } from "./epoch.ts";
import { createRedisChanges } from "./redis-changes.ts";
import { createRedisReads, type Try } from "./redis-reads.ts";
import { createStore } from "./redis-store.ts";
import { createStandIn } from "./stand-in.ts";

const FAILURES_TO_OPEN = 3;
const PROBE_EVERY_MS = 500;
const PROBE_MS = 100;

/**
 * Keeps bodies in Redis, for all processes: a change takes the body away before it is answered. While Redis does not
 * answer, readers ask the database, and a change begins a new epoch instead (docs/decisions/0013-cache.md).
 */
export function createRedisCache(options: {
  redis: Redis;
  pool: pg.Pool;
  url: string;
  log: Log;
  freshMs?: number;
}): Cache {
  const { redis, log } = options;
  const epochs = createEpochs(options);
  const store = createStore(redis, options.freshMs);
  const breaker = createBreaker({
    name: "cache in Redis",
    log,
    opensAfter: FAILURES_TO_OPEN,
    probeEveryMs: PROBE_EVERY_MS,
    probe: () => within(redis.check(), PROBE_MS),
  });
  const tried: Try = async (work, limitMs) => {
    try {
      const result = await within(work(), limitMs);
      breaker.succeeded();
      return result;
    } catch (error) {
      breaker.failed(error);
      throw error;
    }
  };
  const answers = () => redis.client.isReady && !breaker.isOpen();
  const reads = createRedisReads({ store, tried });
  const standIn = createStandIn(reads.counts);
  let isReader = false;

  // What this Redis holds may be from before changes that were told to the one before it.
  const onReady = () => {
    if (isReader) epochs.begin();
  };
  redis.client.on("ready", onReady);

  function usable(): Epoch | undefined {
    if (!isReader) {
      isReader = true;
      if (redis.client.isReady) epochs.begin();
    }
    const epoch = epochs.current();
    return answers() ? epoch : undefined;
  }

  return {
    counts: reads.counts,
    async get(key, load) {
      const epoch = usable();
      const latest = epochs.latest();
      return await standIn(
        async () => (latest !== undefined && answers() ? await reads.old(nameOf(key, latest)) : undefined),
        () => (epoch === undefined ? reads.bypass(load) : reads.read(nameOf(key, epoch), load)),
      );
    },
    changing: createRedisChanges({ store, epochs, tried, answers, log }),
    async check() {
      if (!answers()) throw new Error("Redis does not answer: nothing is cached");
      if (isReader && epochs.current() === undefined) throw new Error("the epoch of the cache is not known");
    },
    async close() {
      redis.client.off("ready", onReady);
      breaker.close();
      await epochs.close();
    },
  };
}
