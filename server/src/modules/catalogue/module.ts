import type { Module } from "#src/platform/context.ts";
import { catalogueChecks } from "./checks.ts";
import { itemRoutes } from "./item-routes.ts";
import { catalogueData } from "./personal-data.ts";
import { productRoutes } from "./product-routes.ts";

export const catalogueModule: Module = {
  name: "catalogue",
  personalData: [catalogueData],
  checks: catalogueChecks,
  sweeps: [],
  async routes(app, context) {
    await itemRoutes(app, context);
    await productRoutes(app, context);
  },
  subscriptions: [],
};
