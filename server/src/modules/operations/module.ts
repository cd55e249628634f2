import type { Module } from "#src/platform/context.ts";
import { mailRoutes } from "./mail-routes.ts";

/** What the staff sees of the machinery. It has no tables of its own. */
export const operationsModule: Module = {
  name: "operations",
  personalData: [],
  checks: [],
  sweeps: [],
  routes: mailRoutes,
  subscriptions: [],
};
