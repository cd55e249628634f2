import { createPool } from "#src/platform/database/pool.ts";
import type { Redis } from "#src/platform/redis.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import { countInMemory, countInPostgres, countInRedis } from "./counters.ts";
import { createLimits, type Limits } from "./rate-limit.ts";

/** Counting is one short statement; more sessions would only wait for the same rows. */
const COUNTING_CONNECTIONS = 2;

export type OpenLimits = {
  /** what guards accounts: shared by all processes and kept through restarts */
  guards: Limits;
  /** what bounds traffic: shared where Redis is configured, else each process for itself, since it is asked at every request */
  traffic: Limits;
  close(): Promise<void>;
};

/**
 * Limits in Redis where it is configured, in PostgreSQL where it is not or does not answer, and in memory when neither
 * does: the counts are then each process's own, but nobody guesses without limit and nobody is refused for want of a store.
 * @param options.secret what keys are hashed with
 */
export function openLimits(options: {
  databaseUrl: string;
  redis: Redis | undefined;
  secret: string;
  name: string;
  log: Log;
}): OpenLimits {
  const { databaseUrl: url, redis, secret, log } = options;
  // A pool of its own: a wave of logins from one address queues up at one row, and must not hold the connections that
  // everybody else's reads need.
  const name = `${options.name} limits`;
  const pool = createPool({ url, max: COUNTING_CONNECTIONS, work: "counter", name, log });
  const lasting = countInPostgres(pool, countInMemory);
  return {
    guards: createLimits(redis === undefined ? lasting : countInRedis(redis, lasting), secret),
    traffic: createLimits(redis === undefined ? countInMemory : countInRedis(redis, countInMemory), secret),
    close: () => pool.end(),
  };
}
