import type { DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import type { PricedOrder } from "./price-order.ts";
import type { Order, OrderLine, OrderStatus, PlacedOrder } from "./schemas.ts";

type Priced = PricedOrder & { command: { user_id: number; origin: Origin } };

/** Writes orders with their lines and first event in one statement. @returns the sources with their orders, in order */
export async function insertOrders<Source extends Priced>(
  trx: Trx,
  sources: Source[],
): Promise<(Source & { order: PlacedOrder })[]> {
  if (sources.length === 0) return [];
  const lines = sources.flatMap((source, index) => source.lines.map((line) => ({ ord: index + 1, ...line })));
  const rows = await named<Omit<PlacedOrder, "items">>(trx, "orders_insert", INSERT_ORDERS, [
    sources.map(({ command }) => command.user_id),
    sources.map(({ total_cents }) => total_cents),
    sources.map(({ command }) => command.origin.correlation_id),
    lines.map((line) => line.ord),
    lines.map((line) => line.product_id),
    lines.map((line) => line.name),
    lines.map((line) => line.quantity),
    lines.map((line) => line.unit_price_cents),
  ]);
  return sources.map((source, index) => {
    const row = rows[index];
    if (row === undefined) throw new Error("fewer orders were written than accepted");
    return { ...source, order: { ...row, items: source.lines } };
  });
}

// The ids are drawn first, so that lines and events can name them within the same statement.
const INSERT_ORDERS = `
  WITH input AS MATERIALIZED (
    SELECT ord, nextval(pg_get_serial_sequence('orders', 'id')) AS id, user_id, total_cents, correlation_id
    FROM unnest($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY
      AS i (user_id, total_cents, correlation_id, ord)
  ), placed AS (
    INSERT INTO orders (id, user_id, total_cents, correlation_id)
    SELECT id, user_id, total_cents, correlation_id FROM input
    RETURNING id, user_id, status, total_cents, reject_reason, shortfalls, expires_at, payment_reference, carrier, tracking,
      correlation_id, version, created_at, updated_at
  ), lines AS (
    INSERT INTO order_items (order_id, product_id, name, quantity, unit_price_cents)
    SELECT input.id, l.product_id, l.name, l.quantity, l.unit_price_cents
    FROM unnest($4::bigint[], $5::bigint[], $6::text[], $7::int[], $8::bigint[])
      AS l (ord, product_id, name, quantity, unit_price_cents) JOIN input USING (ord)
  ), events AS (
    INSERT INTO order_events (order_id, status, actor_id, correlation_id)
    SELECT id, 'pending', user_id, correlation_id FROM input
  )
  SELECT placed.* FROM placed JOIN input USING (id) ORDER BY input.ord`;

export type LockedOrder = {
  id: number;
  user_id: number;
  status: OrderStatus;
  version: number;
  total_cents: number;
  payment_reference: string | null;
  correlation_id: string;
};

/** Holds orders in ascending id: with the stock rows after them, everybody locks in one order. */
export async function lockOrders(trx: Trx, ids: number[]): Promise<LockedOrder[]> {
  return await named<LockedOrder>(
    trx,
    "orders_lock",
    `SELECT id, user_id, status, version, total_cents, payment_reference, correlation_id FROM orders
     WHERE id = ANY($1::bigint[]) ORDER BY id FOR NO KEY UPDATE`,
    [ids],
  );
}

type StockLine = { item_id: number; quantity: number };

/** What each order wants of the stock. */
export async function listStockLines(trx: Trx, order_ids: number[]): Promise<Map<number, StockLine[]>> {
  const rows = await named<StockLine & { order_id: number }>(
    trx,
    "order_items_to_reserve",
    `SELECT order_id, product_id AS item_id, quantity FROM order_items
     WHERE order_id = ANY($1::bigint[]) ORDER BY order_id, product_id`,
    [order_ids],
  );
  return groupByOrder(rows);
}

export type Move = {
  order: LockedOrder;
  status: OrderStatus;
  actor_id: number | null;
  correlation_id: string;
  /** what made it happen */
  origin: Origin;
  /** how long the order is kept for its buyer, for one that is reserved */
  seconds?: number;
  reject_reason?: string;
  shortfalls?: unknown[];
  payment_reference?: string;
  carrier?: string | undefined;
  tracking?: string | undefined;
};

/** Changes the status of orders and writes it into their history; `moveOrders` is what use cases call. */
export async function writeMoves(trx: Trx, moves: Move[]): Promise<void> {
  if (moves.length === 0) return;
  await named(
    trx,
    "orders_move",
    `WITH moves AS (
       SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::jsonb[], $5::bigint[], $6::text[], $7::int[],
           $8::text[], $9::text[], $10::text[])
         AS m (id, status, reject_reason, shortfalls, actor_id, correlation_id, seconds,
           payment_reference, carrier, tracking)
     ), events AS (
       INSERT INTO order_events (order_id, status, actor_id, correlation_id)
       SELECT id, status, actor_id, correlation_id FROM moves
     )
     UPDATE orders o SET status = m.status, reject_reason = m.reject_reason, shortfalls = m.shortfalls,
       expires_at = now() + make_interval(secs => m.seconds),
       payment_reference = coalesce(m.payment_reference, o.payment_reference),
       carrier = coalesce(m.carrier, o.carrier), tracking = coalesce(m.tracking, o.tracking),
       version = o.version + 1, updated_at = now()
     FROM moves m WHERE o.id = m.id AND o.id = ANY($1)`,
    [
      moves.map(({ order }) => order.id),
      moves.map(({ status }) => status),
      moves.map(({ reject_reason }) => reject_reason ?? null),
      moves.map(({ shortfalls }) => JSON.stringify(shortfalls ?? [])),
      moves.map(({ actor_id }) => actor_id),
      moves.map(({ correlation_id }) => correlation_id),
      moves.map(({ seconds }) => seconds ?? null),
      moves.map(({ payment_reference }) => payment_reference ?? null),
      moves.map(({ carrier }) => carrier ?? null),
      moves.map(({ tracking }) => tracking ?? null),
    ],
  );
}

const ORDER_COLUMNS = [
  "id",
  "user_id",
  "status",
  "total_cents",
  "reject_reason",
  "shortfalls",
  "expires_at",
  "payment_reference",
  "carrier",
  "tracking",
  "correlation_id",
  "version",
  "created_at",
  "updated_at",
] as const;

export function selectOrders(db: DbOrTrx) {
  return db.selectFrom("orders").select(ORDER_COLUMNS);
}

export async function listLines(db: DbOrTrx, order_ids: number[]): Promise<Map<number, OrderLine[]>> {
  const rows = await named<OrderLine & { order_id: number }>(
    db,
    "order_items_list",
    `SELECT order_id, product_id, name, quantity, unit_price_cents FROM order_items
     WHERE order_id = ANY($1::bigint[]) ORDER BY order_id, product_id`,
    [order_ids],
  );
  return groupByOrder(rows);
}

function groupByOrder<Row extends { order_id: number }>(rows: Row[]): Map<number, Omit<Row, "order_id">[]> {
  const groups = new Map<number, Omit<Row, "order_id">[]>();
  for (const { order_id, ...row } of rows) {
    const group = groups.get(order_id);
    if (group === undefined) groups.set(order_id, [row]);
    else group.push(row);
  }
  return groups;
}

export async function findOrder(db: DbOrTrx, id: number): Promise<Order | undefined> {
  const row = await selectOrders(db).where("id", "=", id).executeTakeFirst();
  if (row === undefined) return undefined;
  const [lines, histories] = [await listLines(db, [id]), await listHistories(db, [id])];
  return { ...row, items: lines.get(id) ?? [], history: histories.get(id) ?? [] } as Order;
}

/** What became of each of these orders, oldest first. */
export async function listHistories(db: DbOrTrx, order_ids: number[]) {
  if (order_ids.length === 0) return new Map<number, never>();
  const rows = await db
    .selectFrom("order_events")
    .select(["order_id", "status", "actor_id", "occurred_at"])
    .where("order_id", "in", order_ids)
    .orderBy("id")
    .execute();
  return groupByOrder(rows);
}

// What is locked is read as it is then, and not as it was found: a payment that came between takes the order out.
/** Holds reserved orders whose time is over, in ascending id, and passes over those that somebody else holds. */
export async function lockDue(trx: Trx, limit: number): Promise<LockedOrder[]> {
  return await named<LockedOrder>(
    trx,
    "orders_lock_due",
    `WITH due AS MATERIALIZED (
       SELECT id FROM orders WHERE status = 'reserved' AND expires_at <= now() ORDER BY expires_at LIMIT $1
     )
     SELECT o.id, o.user_id, o.status, o.version, o.total_cents, o.payment_reference, o.correlation_id
     FROM orders o JOIN due USING (id) WHERE o.status = 'reserved' AND o.expires_at <= now()
     ORDER BY o.id FOR NO KEY UPDATE OF o SKIP LOCKED`,
    [limit],
  );
}

// A worker of the version before reserves without a time: it begins when the first one of this version sees the order.
export async function adoptTimeless(trx: Trx, { seconds, limit }: { seconds: number; limit: number }): Promise<void> {
  await named(
    trx,
    "orders_adopt_timeless",
    `UPDATE orders SET expires_at = now() + make_interval(secs => $1) WHERE id = ANY (ARRAY(
       SELECT id FROM orders WHERE status = 'reserved' AND expires_at IS NULL LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED))`,
    [seconds, limit],
  );
}

export type NumberedEvent = { id: number; order_id: number; status: OrderStatus; occurred_at: string };

/**
 * What has become of each of these orders after the event that is known of it, in the order in which it did. The ids of
 * one order's events ascend with their commits, because its row is locked for each: no later one has a smaller id.
 */
export async function listEventsAfter(
  db: DbOrTrx,
  seen: { order_id: number; after: number }[],
): Promise<NumberedEvent[]> {
  return await named<NumberedEvent>(
    db,
    "order_events_after",
    `SELECT e.id, e.order_id, e.status, e.occurred_at
     FROM (SELECT order_id, min(after) AS after FROM unnest($1::bigint[], $2::bigint[]) AS s (order_id, after)
           GROUP BY order_id) s
     JOIN order_events e ON e.order_id = s.order_id AND e.id > s.after ORDER BY e.id`,
    [seen.map(({ order_id }) => order_id), seen.map(({ after }) => after)],
  );
}
