import type { Db, DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { backoffMs, describe } from "#src/platform/messaging/deliveries.ts";
import { nextMoment, type Schedule } from "./schedule.ts";

/** A run that is ours: `run` is the fence, who holds an older number has lost it. */
export type Claim = {
  name: string;
  cron: string;
  timezone: string;
  run: number;
  /** failed runs in a row before this one */
  failures: number;
  moment: Date;
  /** the database's clock; that of no worker is ever asked, so they may differ and jump */
  now: Date;
};

/** What the staff and the metrics are told of a schedule. */
export type StoredSchedule = {
  name: string;
  cron: string;
  timezone: string;
  due_at: string;
  /** since the moment that is to be run, in seconds; 0 when it is still to come */
  lag_seconds: number;
  last_moment: string | null;
  last_started_at: string | null;
  last_duration_seconds: number | null;
  last_outcome: "running" | "succeeded" | "failed" | null;
  last_error: string | null;
  last_succeeded_at: string | null;
  /** since then, in seconds */
  last_success_age_seconds: number | null;
};

/** Tells the database which schedules there are, and when they are due first. Part of `migrate`. */
export async function registerSchedules(
  trx: Trx,
  schedules: Pick<Schedule, "name" | "cron" | "timezone">[],
): Promise<void> {
  const [clock] = await named<{ ms: number }>(trx, "schedules_clock", CLOCK, []);
  const now = new Date(clock?.ms ?? Date.now());
  // In one order, so that workers which start together queue up instead of deadlocking.
  const sorted = schedules.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  await named(trx, "schedules_register", REGISTER, [
    sorted.map(({ name }) => name),
    sorted.map(({ cron }) => cron),
    sorted.map(({ timezone }) => timezone),
    sorted.map((schedule) => nextMoment(schedule, now)),
  ]);
}

/**
 * Claims those of these schedules that are due and in nobody's hands. Claim and lease are on disk before any work is
 * done: of all who ask at the same time, one is given a moment.
 */
export async function claimDue(db: Db, names: string[], leaseMs: number): Promise<Claim[]> {
  const rows = await named<ClaimRow>(db, "schedules_claim", CLAIM, [names, leaseMs]);
  return rows.map(({ moment_ms, now_ms, ...row }) => ({
    ...row,
    moment: new Date(moment_ms),
    now: new Date(now_ms),
  }));
}
type ClaimRow = Omit<Claim, "moment" | "now"> & { moment_ms: number; now_ms: number };

/** Prolongs the lease of a run. @returns whether it is still ours */
export async function renewClaim(db: Db, { name, run }: Claim, leaseMs: number): Promise<boolean> {
  return (await named(db, "schedules_renew", RENEW, [name, run, leaseMs])).length > 0;
}

/**
 * Notes the end of a run. After a success the next moment follows the one at which it began, so that what was missed
 * before is made up for once; after a failure the same moment is due again, after the pause of a failed delivery.
 * @param failure what was thrown; undefined after a success
 * @returns whether it was still ours
 */
export async function noteEnd(db: Db, claim: Claim, failure?: { error: unknown; pause: boolean }): Promise<boolean> {
  const { name, run, failures, now } = claim;
  if (failure === undefined) {
    const next = nextMoment(claim, now);
    return (await named(db, "schedules_succeed", SUCCEED, [name, run, next])).length > 0;
  }
  const pauseMs = failure.pause ? backoffMs(failures) : 0;
  const values = [name, run, pauseMs, describe(failure.error)];
  return (await named(db, "schedules_fail", FAIL, values)).length > 0;
}

/** Every schedule that the database was told of, by name. */
export async function listSchedules(db: DbOrTrx): Promise<StoredSchedule[]> {
  return await named<StoredSchedule>(db, "schedules_list", LIST, []);
}

const CLOCK = "SELECT floor(extract(epoch FROM now()) * 1000)::float8 AS ms";

const REGISTER = `
  INSERT INTO schedules AS s (name, cron, timezone, due_at)
  SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
  ON CONFLICT (name) DO UPDATE SET cron = excluded.cron, timezone = excluded.timezone, due_at = excluded.due_at
  WHERE (s.cron, s.timezone) <> (excluded.cron, excluded.timezone)`;

const CLAIM = `
  UPDATE schedules s SET held_until = now() + $2::float8 * interval '1 millisecond', runs = s.runs + 1,
    last_moment = s.due_at, last_started_at = now(), last_ended_at = NULL, last_outcome = 'running', last_error = NULL
  FROM (
    SELECT name FROM schedules WHERE name = ANY($1) AND due_at <= now() AND coalesce(held_until <= now(), true)
    FOR UPDATE SKIP LOCKED
  ) due
  WHERE s.name = due.name
  RETURNING s.name, s.cron, s.timezone, s.runs AS run, s.failures,
    (extract(epoch FROM s.due_at) * 1000)::float8 AS moment_ms, floor(extract(epoch FROM now()) * 1000)::float8 AS now_ms`;

const RENEW = `
  UPDATE schedules SET held_until = now() + $3::float8 * interval '1 millisecond'
  WHERE name = $1 AND runs = $2 AND last_outcome = 'running' RETURNING name`;

const SUCCEED = `
  UPDATE schedules SET due_at = greatest(due_at, $3::timestamptz), held_until = NULL, failures = 0,
    last_ended_at = now(), last_succeeded_at = now(), last_outcome = 'succeeded'
  WHERE name = $1 AND runs = $2 AND last_outcome = 'running' RETURNING name`;

const FAIL = `
  UPDATE schedules SET held_until = now() + $3::float8 * interval '1 millisecond', failures = failures + 1,
    last_ended_at = now(), last_outcome = 'failed', last_error = $4
  WHERE name = $1 AND runs = $2 AND last_outcome = 'running' RETURNING name`;

const LIST = `
  SELECT name, cron, timezone, due_at, last_moment, last_started_at, last_outcome, last_error, last_succeeded_at,
    greatest(0, extract(epoch FROM now() - due_at))::float8 AS lag_seconds,
    extract(epoch FROM last_ended_at - last_started_at)::float8 AS last_duration_seconds,
    extract(epoch FROM now() - last_succeeded_at)::float8 AS last_success_age_seconds
  FROM schedules ORDER BY name`;
