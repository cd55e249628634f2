import { Cron } from "croner";
import type { Context } from "#src/platform/context.ts";

/** What is done at certain times, once among all workers. */
export type Schedule = {
  /** for ever, as `orders.expire`; one that goes takes its row of `schedules` along by a migration */
  name: string;
  /** five fields, or six with seconds in front */
  cron: string;
  /** IANA, as `Europe/Berlin`; whose clock the fields speak of */
  timezone: string;
  /**
   * Does the work. It can come again for the same moment, when its worker died before the end was noted: like a
   * handler of messages it decides by the state that it finds.
   */
  run(context: Context, turn: Turn): Promise<void>;
};

export type Turn = {
  /** the moment that this run is for; a run that comes late stands for all that were missed since */
  moment: Date;
  /** aborted when the worker is asked to stop, or has lost the run to another one */
  stopping: AbortSignal;
};

/**
 * Declares work for certain times.
 * @throws Error when the pattern or the time zone is none
 */
export function defineSchedule(schedule: Schedule): Schedule {
  nextMoment(schedule, new Date());
  return schedule;
}

/**
 * The first moment of a pattern after another moment. Where a clock is put forward, what would fall into the gap comes
 * right after it; where it is put back, a fixed time comes once and a repeated one in both hours.
 * @throws Error when the pattern or the time zone is none, or when no moment follows
 */
export function nextMoment({ cron, timezone }: Pick<Schedule, "cron" | "timezone">, after: Date): Date {
  const next = new Cron(cron, { timezone }).nextRun(after);
  if (next === null) throw new TypeError(`nothing follows ${after.toISOString()} in the schedule '${cron}'`);
  return next;
}
