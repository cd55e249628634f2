import pg from "pg";
import type { Log } from "#src/platform/telemetry/log.ts";

/** How long each kind of work may wait; a fault anywhere below is an answer within these bounds. Milliseconds. */
export const TIMEOUTS = {
  api: { connectMs: 1_000, statementMs: 1_500, queryMs: 2_000, idleInTransactionMs: 5_000 },
  /** commands that read everything; nobody waits for them but the person who started them */
  job: { connectMs: 5_000, statementMs: 0, queryMs: 0, idleInTransactionMs: 0 },
  /** one more for a limit: not worth waiting for, there is always another place to count */
  counter: { connectMs: 500, statementMs: 500, queryMs: 750, idleInTransactionMs: 500 },
  worker: { connectMs: 1_000, statementMs: 10_000, queryMs: 10_500, idleInTransactionMs: 10_000 },
} as const;
const IDLE_CLIENT_MS = 30_000;
const KEEP_ALIVE_DELAY_MS = 10_000;

const INT8 = 20;
const TIMESTAMPTZ = 1184;

export type PoolOptions = { url: string; max: number; work: keyof typeof TIMEOUTS; name: string; log: Log };

/** A pool of which every wait is bounded, and in which a dying backend ends one query and never the process. */
export function createPool(options: PoolOptions): pg.Pool {
  const bounds = TIMEOUTS[options.work];
  const pool = new pg.Pool({
    connectionString: options.url,
    application_name: `shopfloor ${options.name}`,
    max: options.max,
    connectionTimeoutMillis: bounds.connectMs,
    statement_timeout: bounds.statementMs,
    query_timeout: bounds.queryMs,
    idle_in_transaction_session_timeout: bounds.idleInTransactionMs,
    idleTimeoutMillis: IDLE_CLIENT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    // A count that a crash of PostgreSQL forgets is no loss; waiting for the disk at every login would be.
    options: `-c TimeZone=UTC${options.work === "counter" ? " -c synchronous_commit=off" : ""}`,
    types: { getTypeParser },
  });
  const lost = (error: Error) => options.log.warn({ err: error, pool: options.name }, "a database connection was lost");
  pool.on("error", lost);
  // The pool listens to idle clients only: without this, a backend that dies under a checked-out client ends Node.
  pool.on("connect", (client) => client.on("error", () => undefined));
  return pool;
}

/** Ids and money as numbers (they stay below 2^53), times as RFC 3339 text that keeps its microseconds. */
export const getTypeParser: typeof pg.types.getTypeParser = (oid: number, format?: "text" | "binary") => {
  if (oid === INT8) return Number;
  if (oid === TIMESTAMPTZ) return toRfc3339;
  return pg.types.getTypeParser(oid, format);
};

/** `2026-11-21 10:00:00.123456+00` becomes `2026-11-21T10:00:00.123456Z`; the session's zone is UTC. */
function toRfc3339(text: string): string {
  return text.endsWith("+00") ? `${text.slice(0, 10)}T${text.slice(11, -3)}Z` : new Date(text).toISOString();
}
