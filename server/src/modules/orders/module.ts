import type { Module } from "#src/platform/context.ts";
import { subscribe } from "#src/platform/messaging/event.ts";
import { orderChecks } from "./checks.ts";
import { orderPlaced } from "./events.ts";
import { expiry } from "./expire-orders.ts";
import { orderJourney } from "./journey.ts";
import { orderData } from "./personal-data.ts";
import { rejectUnprocessable, reserveOrders } from "./reserve-orders.ts";
import { orderRoutes } from "./routes.ts";

/** Orders that are reserved in one transaction. */
const RESERVING_BATCH = 200;

export const ordersModule: Module = {
  name: "orders",
  journey: orderJourney,
  personalData: [orderData],
  checks: orderChecks,
  sweeps: [],
  schedules: [expiry],
  routes: orderRoutes,
  subscriptions: [
    subscribe(orderPlaced, {
      consumer: "orders.reserve",
      maxBatch: RESERVING_BATCH,
      handle: reserveOrders,
      onDead: rejectUnprocessable,
    }),
  ],
};
