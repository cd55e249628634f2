import type { ListPage } from "#src/platform/context.ts";
import type { Db, DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import type { StockRequest } from "./allocate.ts";

export type Level = { item_id: number; on_hand: number; reserved: number; low_stock_threshold: number | null };

export async function findPrices(db: DbOrTrx, ids: number[]) {
  return await named<{ id: number; name: string; price_cents: number }>(
    db,
    "products_price",
    "SELECT id, title AS name, price_cents FROM items WHERE id = ANY($1::bigint[]) AND tracked AND status = 'active'",
    [ids],
  );
}

export async function lockLevels(trx: Trx, item_ids: number[]): Promise<Level[]> {
  if (item_ids.length === 0) return [];
  return await named<Level>(
    trx,
    "stock_lock",
    `SELECT item_id, on_hand, reserved, low_stock_threshold FROM stock_levels
     WHERE item_id = ANY($1::bigint[]) ORDER BY item_id ${isMutant("oversell") ? "" : "FOR NO KEY UPDATE"}`,
    [item_ids],
  );
}

export async function lockReservedLevels(trx: Trx, order_ids: number[]): Promise<void> {
  await named(
    trx,
    "stock_lock_reserved",
    `SELECT item_id FROM stock_levels
     WHERE item_id IN (SELECT item_id FROM reservations WHERE order_id = ANY($1::bigint[]) AND status = 'open')
     ORDER BY item_id FOR NO KEY UPDATE`,
    [order_ids],
  );
}

/** What a level is after something was taken from what was free. */
export type Taken = { item_id: number; taken: number; available: number; low_stock_threshold: number | null };

/** @returns the levels that changed, as they are now */
export async function writeReservations(trx: Trx, requests: StockRequest[]): Promise<Taken[]> {
  const rows = requests.flatMap(({ order_id, correlation_id, lines }) =>
    lines.map(({ item_id, quantity }) => ({ order_id, correlation_id, item_id, quantity })),
  );
  if (rows.length === 0) return [];
  return await named<Taken>(
    trx,
    "stock_reserve",
    `WITH taken AS (
       SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::text[])
         AS t (order_id, item_id, quantity, correlation_id)
     ), held AS (
       INSERT INTO reservations (order_id, item_id, quantity) SELECT order_id, item_id, quantity FROM taken
       ${isMutant("no_deduplication") ? RESERVE_AGAIN : ""}
     ), moved AS (
       INSERT INTO stock_movements (item_id, kind, reserved_delta, order_id, correlation_id)
       SELECT item_id, 'reserved', quantity, order_id, correlation_id FROM taken
     )
     UPDATE stock_levels l SET reserved = ${isMutant("oversell") ? READ_BEFORE : "l.reserved"} + s.quantity
     FROM (SELECT item_id, sum(quantity)::int AS quantity FROM taken GROUP BY item_id) s WHERE l.item_id = s.item_id
     RETURNING l.item_id, s.quantity AS taken, l.on_hand - l.reserved AS available, l.low_stock_threshold`,
    [
      rows.map((row) => row.order_id),
      rows.map((row) => row.item_id),
      rows.map((row) => row.quantity),
      rows.map((row) => row.correlation_id),
    ],
  );
}

// Two defects for the tests of faults: the second reservation of an order adds to the first; and the new count comes
// from what was read before the row was locked, so that somebody else's change is overwritten.
const RESERVE_AGAIN =
  "ON CONFLICT (order_id, item_id) DO UPDATE SET quantity = reservations.quantity + excluded.quantity";
const READ_BEFORE = "(SELECT b.reserved FROM stock_levels b WHERE b.item_id = s.item_id)";

type Closing = { order_id: number; correlation_id: string };

/** Takes what these orders hold off the shelf and out of the reserved; call it with the levels locked. */
export async function shipReservations(trx: Trx, orders: Closing[]): Promise<void> {
  await named(
    trx,
    "stock_ship",
    `WITH closing AS (
       SELECT * FROM unnest($1::bigint[], $2::text[]) AS c (order_id, correlation_id)
     ), sent AS (
       UPDATE reservations r SET status = 'shipped', closed_at = now()
       FROM closing c WHERE r.order_id = c.order_id AND r.order_id = ANY($1) AND r.status = 'open'
       RETURNING r.order_id, r.item_id, r.quantity, c.correlation_id
     ), moved AS (
       INSERT INTO stock_movements (item_id, kind, on_hand_delta, reserved_delta, order_id, correlation_id)
       SELECT item_id, 'shipped', -quantity, -quantity, order_id, correlation_id FROM sent
     )
     UPDATE stock_levels l SET on_hand = l.on_hand - s.quantity, reserved = l.reserved - s.quantity
     FROM (SELECT item_id, sum(quantity)::int AS quantity FROM sent GROUP BY item_id) s WHERE l.item_id = s.item_id`,
    [orders.map((order) => order.order_id), orders.map((order) => order.correlation_id)],
  );
}

/** @returns the items of which nothing had been free, and now something is */
export async function closeReservations(trx: Trx, orders: Closing[]): Promise<number[]> {
  const levels = await named<{ item_id: number; was_sold_out: boolean }>(
    trx,
    "stock_release",
    `WITH closing AS (
       SELECT * FROM unnest($1::bigint[], $2::text[]) AS c (order_id, correlation_id)
     ), freed AS (
       UPDATE reservations r SET status = 'released', closed_at = now()
       FROM closing c WHERE r.order_id = c.order_id AND r.order_id = ANY($1) ${isMutant("release_twice") ? "" : "AND r.status = 'open'"}
       RETURNING r.order_id, r.item_id, r.quantity, c.correlation_id
     ), moved AS (
       INSERT INTO stock_movements (item_id, kind, reserved_delta, order_id, correlation_id)
       SELECT item_id, 'released', -quantity, order_id, correlation_id FROM freed
     )
     UPDATE stock_levels l SET reserved = l.reserved - s.quantity
     FROM (SELECT item_id, sum(quantity)::int AS quantity FROM freed GROUP BY item_id) s WHERE l.item_id = s.item_id
     RETURNING l.item_id, l.on_hand - l.reserved = s.quantity AS was_sold_out`,
    [orders.map((order) => order.order_id), orders.map((order) => order.correlation_id)],
  );
  return levels.filter((level) => level.was_sold_out).map((level) => level.item_id);
}

export async function listReservations(db: DbOrTrx, order_ids: number[], status: "open" | "shipped") {
  return await db
    .selectFrom("reservations")
    .select(["order_id", "item_id", "quantity"])
    .where("order_id", "in", order_ids)
    .where("status", "=", status)
    .execute();
}

/** Opens the level of a new product. Its first stock is a movement like any other. */
export async function insertLevel(trx: Trx, item_id: number): Promise<void> {
  await trx.insertInto("stock_levels").values({ item_id }).execute();
}

export type Adjustment = {
  item_id: number;
  delta: number;
  reason: string;
  user_id: number | null;
  correlation_id: string;
};

/** Writes an adjustment into the ledger and the level; call it with the level locked. */
export async function writeAdjustment(trx: Trx, adjustment: Adjustment) {
  const { item_id, delta, reason, user_id, correlation_id } = adjustment;
  await trx
    .updateTable("stock_levels")
    .set((column) => ({ on_hand: column("on_hand", "+", delta) }))
    .where("item_id", "=", item_id)
    .execute();
  return await trx
    .insertInto("stock_movements")
    .values({ item_id, kind: "adjusted", on_hand_delta: delta, reason, user_id, correlation_id })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export function selectMovements(db: DbOrTrx, item_id: number) {
  return db.selectFrom("stock_movements").selectAll().where("item_id", "=", item_id);
}

/** What a user has changed in the stock by hand, for an export. */
export async function listMovementsOf(db: Db, user_id: number, { after = 0, limit }: ListPage) {
  return await db
    .selectFrom("stock_movements")
    .select(["id", "item_id", "kind", "on_hand_delta", "reason", "correlation_id", "created_at"])
    .where("user_id", "=", user_id)
    .where("id", ">", Number(after))
    .orderBy("id")
    .limit(limit)
    .execute();
}

/** Whether an order ever held some of this item; then it has a history and can't just vanish. */
export async function wasReserved(trx: Trx, item_id: number): Promise<boolean> {
  const row = await trx
    .selectFrom("reservations")
    .select("order_id")
    .where("item_id", "=", item_id)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** The level of a product, whatever its status; undefined for what is not sold from stock. */
export async function findLevel(db: DbOrTrx, item_id: number): Promise<Level | undefined> {
  return await db
    .selectFrom("stock_levels")
    .select(["item_id", "on_hand", "reserved", "low_stock_threshold"])
    .where("item_id", "=", item_id)
    .executeTakeFirst();
}

export async function setLowStockThreshold(db: DbOrTrx, item_id: number, threshold: number | null): Promise<void> {
  await db.updateTable("stock_levels").set({ low_stock_threshold: threshold }).where("item_id", "=", item_id).execute();
}
