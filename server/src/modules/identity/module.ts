import type { Module } from "#src/platform/context.ts";
import { accountRoutes } from "./account-routes.ts";
import { loginRoutes } from "./login-routes.ts";
import { sessionSweeps } from "./session-repository.ts";

export const identityModule: Module = {
  name: "identity",
  personalData: [],
  checks: [],
  sweeps: sessionSweeps,
  async routes(app, context) {
    await accountRoutes(app, context);
    await loginRoutes(app, context);
  },
  subscriptions: [],
};
