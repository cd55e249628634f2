import type pg from "pg";
import {
  type RateLimiterAbstract,
  RateLimiterMemory,
  RateLimiterPostgres,
  RateLimiterRedis,
} from "rate-limiter-flexible";
import type { Sweep } from "#src/platform/database/sweep.ts";
import { named } from "#src/platform/database/statement.ts";
import type { Redis } from "#src/platform/redis.ts";

const TABLE = "rate_limits";

/** Gives the counter of one limit: keys are counted for `duration` seconds from the first time on. */
export type Counters = (limit: { name: string; points: number; windowSeconds: number }) => RateLimiterAbstract;

/** In this process alone, forgotten when it ends; never fails. */
export const countInMemory: Counters = (limit) => new RateLimiterMemory(optionsOf(limit));

/**
 * In the table `rate_limits`, for all processes on one database, through restarts.
 * @param instead where is counted while PostgreSQL does not answer: worse than shared, better than not at all
 */
export function countInPostgres(pool: pg.Pool, instead: Counters): Counters {
  return (limit) =>
    new RateLimiterPostgres({
      ...optionsOf(limit),
      storeClient: pool,
      storeType: "pool",
      tableName: TABLE,
      // Made by a migration, swept with everything else that is old.
      tableCreated: true,
      clearExpiredByTimeout: false,
      insuranceLimiter: instead(limit),
    });
}

type EvalOptions = Parameters<Redis["client"]["eval"]>[1];

/** In Redis, for all processes that share it. @param instead where is counted while Redis does not answer */
export function countInRedis(redis: Redis, instead: Counters): Counters {
  // What the library asks of a client, each command within a bound.
  const storeClient = {
    get isReady() {
      return redis.isAnswering();
    },
    eval: (script: string, options: EvalOptions) => redis.ask((client) => client.eval(script, options)),
    del: (key: string) => redis.ask((client) => client.del(key)),
  };
  return (limit) =>
    new RateLimiterRedis({
      ...optionsOf(limit),
      storeClient,
      useRedisPackage: true,
      // Asked while it is away it would make every request wait for nothing.
      rejectIfRedisNotReady: true,
      insuranceLimiter: instead(limit),
    });
}

const SWEEP_ENDED = `DELETE FROM rate_limits WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM rate_limits WHERE expire < extract(epoch FROM now()) * 1000
  LIMIT $1 FOR UPDATE SKIP LOCKED)) RETURNING 1`;

/** Windows that have ended: they count for nothing, but would stay. */
export const counterSweeps: Sweep[] = [
  {
    name: TABLE,
    deleteBatch: async (db, limit) => (await named(db, "sweep_rate_limits", SWEEP_ENDED, [limit])).length,
  },
];

function optionsOf({ name, points, windowSeconds }: Parameters<Counters>[0]) {
  return { points, duration: windowSeconds, keyPrefix: `limit:${name}` };
}
