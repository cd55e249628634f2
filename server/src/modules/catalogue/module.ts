import { userRenamed } from "#src/modules/identity/events.ts";
import type { Module } from "#src/platform/context.ts";
import { subscribe } from "#src/platform/messaging/event.ts";
import { batchRoutes } from "./imports/batch-routes.ts";
import { catalogueChecks } from "./checks.ts";
import { categoryRoutes } from "./items/category-routes.ts";
import { importRequested, itemChanged, productAvailabilityChanged } from "./events.ts";
import { showNewName } from "./items/forget-owner.ts";
import { abandonImport, runImport } from "./imports/import-products.ts";
import { importSweeps } from "./imports/import-repository.ts";
import { importRoutes } from "./imports/import-routes.ts";
import { itemRoutes } from "./items/item-routes.ts";
import { catalogueData } from "./personal-data.ts";
import { productRoutes } from "./items/product-routes.ts";
import { engineIndexCheck } from "./search/drift-engine.ts";
import { indexNames } from "./search/elasticsearch-aliases.ts";
import { indexInEngine } from "./search/index-in-engine.ts";
import { indexItems } from "./search/index-items.ts";
import { keepBuilt } from "./search/keep-built.ts";
import { searchRoutes } from "./search/search-routes.ts";
import { stockJourney } from "./stock/stock-journey.ts";
import { stockRoutes } from "./stock/stock-routes.ts";

/** Items that are indexed in one transaction. */
const INDEXING_BATCH = 200;

export const catalogueModule: Module = {
  name: "catalogue",
  journey: stockJourney,
  personalData: [catalogueData],
  checks: catalogueChecks,
  sweeps: importSweeps,
  outsideChecks: ({ config, db, searchEngine: engine }) =>
    engine === undefined ? [] : [engineIndexCheck({ db, engine, names: indexNames(config.elasticsearchPrefix) })],
  background: keepBuilt,
  async routes(app, context) {
    await itemRoutes(app, context);
    await productRoutes(app, context);
    await categoryRoutes(app, context);
    await stockRoutes(app, context);
    await batchRoutes(app, context);
    await importRoutes(app, context);
    await searchRoutes(app, context);
  },
  subscriptions: [
    subscribe(itemChanged, {
      consumer: "catalogue.index",
      maxBatch: INDEXING_BATCH,
      handle: indexItems,
      // `verify` finds what is missing in the index, and mends it.
      onDead: async () => undefined,
    }),
    subscribe(itemChanged, {
      consumer: "catalogue.index_engine",
      maxBatch: INDEXING_BATCH,
      handle: indexInEngine,
      onDead: async () => undefined,
    }),
    // PostgreSQL joins the stock levels when it searches; an engine has to be told who ran out.
    subscribe(productAvailabilityChanged, {
      consumer: "catalogue.index_engine_stock",
      maxBatch: INDEXING_BATCH,
      handle: indexInEngine,
      onDead: async () => undefined,
    }),
    subscribe(userRenamed, {
      consumer: "catalogue.show_name",
      maxBatch: INDEXING_BATCH,
      handle: showNewName,
      // What is cached ends by itself.
      onDead: async () => undefined,
    }),
    subscribe(importRequested, {
      consumer: "catalogue.import",
      maxBatch: 1,
      handle: runImport,
      onDead: abandonImport,
    }),
  ],
};
