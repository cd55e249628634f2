import { Gauge, type Registry } from "prom-client";
import type { Db } from "#src/platform/database/database.ts";
import { listSchedules, type StoredSchedule } from "./stored-schedules.ts";

/** How the schedules are, read when somebody scrapes; without the database it is not known, and not shown. */
export function registerScheduleGauges(registry: Registry, db: Db): void {
  let running: Promise<StoredSchedule[]> | undefined;
  // One read for all gauges of a scrape: they are collected at the same moment.
  const read = () =>
    (running ??= listSchedules(db)
      .catch((): StoredSchedule[] => [])
      .finally(() => (running = undefined)));
  const register = (name: string, help: string, valueOf: (schedule: StoredSchedule) => number | null) =>
    new Gauge({
      name,
      help,
      labelNames: ["schedule"],
      registers: [registry],
      async collect() {
        const schedules = await read();
        this.reset();
        for (const schedule of schedules) {
          const value = valueOf(schedule);
          if (value !== null) this.set({ schedule: schedule.name }, value);
        }
      },
    });
  const lag = "Time for which a moment is due and was not run with success, by schedule";
  register("schedule_lag_seconds", lag, (schedule) => schedule.lag_seconds);
  const age = "Time since the last success, by schedule; absent before the first";
  register("schedule_last_success_age_seconds", age, (schedule) => schedule.last_success_age_seconds);
  const duration = "Time that the last run took, by schedule; absent while it runs";
  register("schedule_last_duration_seconds", duration, (schedule) => schedule.last_duration_seconds);
}
