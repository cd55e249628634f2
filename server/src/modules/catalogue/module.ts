import type { Module } from "#src/platform/context.ts";
import { subscribe } from "#src/platform/messaging/event.ts";
import { batchRoutes } from "./batch-routes.ts";
import { catalogueChecks } from "./checks.ts";
import { importRequested } from "./events.ts";
import { abandonImport, runImport } from "./import-products.ts";
import { importRoutes } from "./import-routes.ts";
import { itemRoutes } from "./item-routes.ts";
import { productRoutes } from "./product-routes.ts";
import { stockRoutes } from "./stock-routes.ts";

export const catalogueModule: Module = {
  name: "catalogue",
  personalData: [],
  checks: catalogueChecks,
  async routes(app, context) {
    await itemRoutes(app, context);
    await productRoutes(app, context);
    await stockRoutes(app, context);
    await batchRoutes(app, context);
    await importRoutes(app, context);
  },
  subscriptions: [
    subscribe(importRequested, {
      consumer: "catalogue.import",
      maxBatch: 1,
      handle: runImport,
      onDead: abandonImport,
    }),
  ],
};
