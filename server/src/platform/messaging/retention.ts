import { setTimeout as rest } from "node:timers/promises";
import type { Config } from "#src/config.ts";
import { IDEMPOTENCY_KEY_HOURS } from "#src/platform/database/idempotency.ts";
import type { Db } from "#src/platform/database/database.ts";
import type { Sweep } from "#src/platform/database/sweep.ts";
import { named } from "#src/platform/database/statement.ts";
import { defineSchedule, type Schedule } from "#src/platform/schedules/schedule.ts";

/** Handled deliveries and their messages are kept this long, so that a journey can be told. */
export const HANDLED_DAYS = 7;
/** With SQS, which may hand a message over again for as long as it keeps it; its row has to say that it is handled. */
const HANDLED_DAYS_SQS = 14;
/** Rows per statement: short locks, and room between them for everybody else. */
const SWEEP_BATCH = 2_000;

/** Between two of them, so that what is old never keeps those who order waiting in a row. */
const SWEEP_REST_MS = 50;

/** Deletes what nobody will ask for any more, every ten minutes, in small batches. */
export function retention(sweepsOf: (config: Config) => Sweep[]): Schedule {
  return defineSchedule({
    name: "platform.sweep",
    cron: "*/10 * * * *",
    timezone: "UTC",
    run: async (context, { stopping }) => void (await sweepAll(context, sweepsOf(context.config), stopping)),
  });
}

/**
 * Runs each sweep until nothing of it is left, or until it is stopped.
 * @returns how many rows went
 * @throws AggregateError when sweeps failed, after all others have run
 */
export async function sweepAll(context: { db: Db }, sweeps: Sweep[], stopping: AbortSignal): Promise<number> {
  let rows = 0;
  const failures: Error[] = [];
  for (const sweep of sweeps) {
    try {
      rows += await runSweep(context.db, sweep, stopping);
    } catch (error) {
      failures.push(new Error(`${sweep.name} failed`, { cause: error }));
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, failures.map(({ message }) => message).join(", "));
  stopping.throwIfAborted();
  return rows;
}

async function runSweep(db: Db, { deleteBatch }: Sweep, stopping: AbortSignal): Promise<number> {
  let rows = 0;
  while (!stopping.aborted) {
    const deleted = await deleteBatch(db, SWEEP_BATCH);
    rows += deleted;
    if (deleted < SWEEP_BATCH) break;
    await rest(SWEEP_REST_MS, undefined, { signal: stopping }).catch(() => undefined);
  }
  return rows;
}

// A message goes only when each of its deliveries was handled or discarded long ago; dead letters stay until somebody
// decides.
const STATEMENTS = [
  [
    "sweep_deliveries",
    `DELETE FROM deliveries WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM deliveries WHERE handled_at < now() - make_interval(days => $1)
       LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    "messages",
  ],
  [
    "sweep_discarded",
    `DELETE FROM deliveries WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM deliveries WHERE dead_at IS NOT NULL AND discarded_at < now() - make_interval(days => $1)
       LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    "messages",
  ],
  [
    "sweep_outbox",
    `DELETE FROM outbox WHERE ctid = ANY (ARRAY(
       SELECT o.ctid FROM outbox o WHERE o.occurred_at < now() - make_interval(days => $1)
         AND NOT EXISTS (SELECT FROM deliveries d WHERE d.message_id = o.id)
       LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    "messages",
  ],
  [
    "sweep_failures",
    `DELETE FROM delivery_failures WHERE ctid = ANY (ARRAY(
       SELECT f.ctid FROM delivery_failures f WHERE f.failed_at < now() - make_interval(days => $1)
         AND NOT EXISTS (SELECT FROM deliveries d WHERE d.message_id = f.message_id)
       LIMIT $2)) RETURNING 1`,
    "messages",
  ],
  [
    "sweep_idempotency_keys",
    `DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
       SELECT ctid FROM idempotency_keys WHERE created_at < now() - make_interval(hours => $1)
       LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1`,
    "keys",
  ],
] as const;

/** What is left of messages and idempotency keys. */
export function messagingSweeps(messaging: Config["messaging"]): Sweep[] {
  const ages = { messages: messaging === "sqs" ? HANDLED_DAYS_SQS : HANDLED_DAYS, keys: IDEMPOTENCY_KEY_HOURS };
  return STATEMENTS.map(([name, text, what]) => ({
    name,
    deleteBatch: async (db, limit) => (await named(db, name, text, [ages[what], limit])).length,
  }));
}
