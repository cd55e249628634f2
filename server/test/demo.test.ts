import { expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { seedDemo } from "../seeds/demo.ts";
import { startApp } from "./app.ts";
import { statuses } from "./shop.ts";

test("the demo has an order in every state in which one can be found later, and all of it holds", async () => {
  await using shop = await startApp();
  await seedDemo(shop.url);
  await shop.drained();
  expect(await statuses(shop)).toEqual({ paid: 1, shipped: 1, delivered: 1, cancelled: 1, expired: 1, reserved: 7 });
  expect((await verifyDatabase(shop.url)).filter((one) => one.offending.length > 0)).toEqual([]);
});
