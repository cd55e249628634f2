import type { Module } from "#src/platform/context.ts";
import { identityRoutes } from "./routes.ts";

export const identityModule: Module = { name: "identity", routes: identityRoutes, subscriptions: [] };
