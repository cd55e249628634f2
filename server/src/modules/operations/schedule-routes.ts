import type { Context } from "#src/platform/context.ts";
import type { App } from "#src/platform/http/app.ts";
import { listSchedules, type StoredSchedule } from "#src/platform/schedules/stored-schedules.ts";
import { Schedules } from "./schemas.ts";

export async function scheduleRoutes(app: App, context: Context): Promise<void> {
  app.get(
    "/api/v1/operations/schedules",
    {
      config: { permission: "schedule.read" },
      schema: { summary: "Read what is done at which times, and how the last run ended", response: { 200: Schedules } },
    },
    async () => {
      const schedules = await listSchedules(context.db);
      return { data: schedules.map(shown) };
    },
  );
}

function shown(schedule: StoredSchedule) {
  const { name, cron, timezone, due_at: next_at, lag_seconds, last_succeeded_at } = schedule;
  return { name, cron, timezone, next_at, lag_seconds, last_succeeded_at, last_run: lastRunOf(schedule) };
}

function lastRunOf(schedule: StoredSchedule) {
  const { last_moment: moment, last_started_at: started_at, last_outcome: outcome, last_error: error } = schedule;
  if (moment === null || started_at === null || outcome === null) return null;
  return { moment, started_at, outcome, error, duration_seconds: schedule.last_duration_seconds };
}
