import type { Module } from "#src/platform/context.ts";
import { consumerRoutes } from "./consumer-routes.ts";
import { deadLetterRoutes } from "./dead-letter-routes.ts";
import { journeyRoutes } from "./journey-routes.ts";
import { mailRoutes } from "./mail-routes.ts";
import { scheduleRoutes } from "./schedule-routes.ts";

/** What the staff sees of the machinery. It has no tables of its own. */
export const operationsModule: Module = {
  name: "operations",
  personalData: [],
  checks: [],
  sweeps: [],
  async routes(app, context) {
    await mailRoutes(app, context);
    await consumerRoutes(app, context);
    await deadLetterRoutes(app, context);
    await journeyRoutes(app, context);
    await scheduleRoutes(app, context);
  },
  subscriptions: [],
};
