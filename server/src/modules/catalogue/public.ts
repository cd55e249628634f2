import type { DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { newOrigin, type Origin } from "#src/platform/telemetry/origin.ts";
import { type Allocation, allocate, type StockLine, type StockRequest } from "./stock/allocate.ts";
import { announceAvailability, announceLowStock } from "./items/item-writes.ts";
import {
  closeReservations,
  findPrices,
  listReservations,
  lockLevels,
  lockReservedLevels,
  shipReservations,
  writeReservations,
} from "./stock/stock-repository.ts";

export type Price = { id: number; name: string; price_cents: number };

/** Names and prices in cents, as of now, of those among the ids that can be ordered; others are missing in the map. */
export async function priceProducts(db: DbOrTrx, ids: number[]): Promise<Map<number, Price>> {
  return new Map((await findPrices(db, ids)).map((row) => [row.id, row]));
}

/**
 * Reserves stock for many orders at once, each all or nothing, in the order given.
 * Call it with the orders' rows locked. Levels are locked in ascending item id, so that two batches which share
 * products queue up instead of deadlocking; nothing is computed from stock that was read without its lock.
 * @returns an allocation for each request, in order: "reserved", or what was short
 */
export async function reserveStock(trx: Trx, requests: StockRequest[]): Promise<Allocation[]> {
  const ids = [...new Set(requests.flatMap(({ lines }) => lines.map((line) => line.item_id)))];
  const levels = await lockLevels(trx, ids);
  const available = new Map(levels.map((level) => [level.item_id, level.on_hand - level.reserved]));
  const allocations = allocate(requests, available);
  const granted = requests.filter((_, index) => allocations[index]?.outcome === "reserved");
  const taken = (await writeReservations(trx, granted)).map((level) => {
    return { ...level, origin: lastOf(granted, level.item_id) };
  });
  await announceAvailability(
    trx,
    taken.filter((level) => level.available === 0),
  );
  await announceLowStock(trx, taken);
  return allocations;
}

/** Who took the last piece of an item. */
function lastOf(granted: StockRequest[], item_id: number): Origin {
  const takers = granted.filter(({ lines }) => lines.some((line) => line.item_id === item_id));
  return takers.at(-1)?.origin ?? newOrigin();
}

/** What each of these orders holds open; an order that holds nothing is missing in the map. */
export async function listHeld(db: DbOrTrx, order_ids: number[]): Promise<Map<number, StockLine[]>> {
  return Map.groupBy(await listReservations(db, order_ids, "open"), (row) => row.order_id);
}

/** What has left the shop with each of these orders; an order of which nothing was shipped is missing in the map. */
export async function listShipped(db: DbOrTrx, order_ids: number[]): Promise<Map<number, StockLine[]>> {
  return Map.groupBy(await listReservations(db, order_ids, "shipped"), (row) => row.order_id);
}

/**
 * Gives back what these orders hold; an order that holds nothing any more is left alone, so that it happens once.
 * Call it with the orders' rows locked.
 */
export async function releaseStock(
  trx: Trx,
  orders: { order_id: number; correlation_id: string; origin: Origin }[],
): Promise<void> {
  const [first] = orders;
  if (first === undefined) return;
  await lockReservedLevels(
    trx,
    orders.map((order) => order.order_id),
  );
  const back = await closeReservations(trx, orders);
  await announceAvailability(
    trx,
    back.map((item_id) => ({ item_id, origin: first.origin })),
  );
}

/**
 * Takes what these orders hold out of the shop: off what is on hand and off what is reserved, so that nothing changes in
 * what is available. An order that holds nothing any more is left alone, so that it happens once.
 * Call it with the orders' rows locked.
 */
export async function shipStock(trx: Trx, orders: { order_id: number; correlation_id: string }[]): Promise<void> {
  if (orders.length === 0) return;
  await lockReservedLevels(
    trx,
    orders.map((order) => order.order_id),
  );
  await shipReservations(trx, orders);
}
