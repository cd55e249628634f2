import pg from "pg";
import { nowMs, type OrderStatus, type SeenOrder } from "./history.ts";

export type StoredOrder = Omit<SeenOrder, "history"> & {
  correlation_id: string;
  /** `at_ms` is the database's clock, as it stood when the step's transaction began */
  events: { status: OrderStatus; correlation_id: string; at_ms: number }[];
};
export type Movement = {
  id: number;
  item_id: number;
  kind: "adjusted" | "reserved" | "released" | "shipped";
  on_hand_delta: number;
  reserved_delta: number;
  order_id: number | null;
  correlation_id: string;
};

/** All that the checks look at of a database, at one moment. Movements and events are in the order of their ids. */
export type Snapshot = {
  taken_at_ms: number;
  /** the database's clock at that moment */
  at_ms: number;
  orders: StoredOrder[];
  levels: { item_id: number; on_hand: number; reserved: number }[];
  movements: Movement[];
  reservations: { order_id: number; item_id: number; quantity: number; status: "open" | "released" | "shipped" }[];
  /** what the outbox says was placed, and how many of the deliveries of that are neither handled nor dead */
  placed: { message_id: number; order_id: number; deliveries: number; open: number }[];
  /** what buyers were told of their orders */
  mails: { id: number; order_id: number; status: string; user_id: number; is_sent: boolean }[];
  /** what went wrong with messages, by what the journey of each has to tell of it */
  failures: { correlation_id: string; consumer: string; attempt: number }[];
};

const CONNECTION_TIMEOUT_MS = 5_000;
const QUERY_TIMEOUT_MS = 60_000;

const ORDERS = `
  SELECT o.id, o.user_id, o.status, o.total_cents, o.reject_reason, o.shortfalls, o.correlation_id,
    o.payment_reference, o.tracking,
    (SELECT coalesce(json_agg(json_build_object('product_id', product_id, 'quantity', quantity,
       'unit_price_cents', unit_price_cents) ORDER BY product_id), '[]') FROM order_items WHERE order_id = o.id) AS items,
    (SELECT coalesce(json_agg(json_build_object('status', status, 'correlation_id', correlation_id,
       'at_ms', extract(epoch FROM occurred_at) * 1000) ORDER BY id), '[]')
       FROM order_events WHERE order_id = o.id) AS events
  FROM orders o ORDER BY o.id`;
const LEVELS = "SELECT item_id, on_hand, reserved FROM stock_levels ORDER BY item_id";
const MOVEMENTS = `
  SELECT id, item_id, kind, on_hand_delta, reserved_delta, order_id, correlation_id FROM stock_movements ORDER BY id`;
const RESERVATIONS = "SELECT order_id, item_id, quantity, status FROM reservations ORDER BY order_id, item_id";
const PLACED = `
  SELECT o.id AS message_id, (o.payload ->> 'order_id')::bigint AS order_id, count(d.message_id) AS deliveries,
    count(d.message_id) FILTER (WHERE d.handled_at IS NULL AND d.dead_at IS NULL) AS open
  FROM outbox o LEFT JOIN deliveries d ON d.message_id = o.id WHERE o.topic = 'order.placed' GROUP BY o.id ORDER BY o.id`;
const CLOCK = "SELECT extract(epoch FROM now()) * 1000 AS at_ms";
const MAILS = `
  SELECT id, (params ->> 'order_id')::bigint AS order_id, params ->> 'status' AS status, user_id,
    sent_at IS NOT NULL AS is_sent FROM mails WHERE kind = 'order_status' ORDER BY id`;
const FAILURES = `
  SELECT o.correlation_id, f.consumer, f.attempt FROM delivery_failures f JOIN outbox o ON o.id = f.message_id ORDER BY f.id`;

/**
 * Reads a database as it is now, on a connection of its own and by SQL of its own: a check must not trust what it checks.
 * Call it when the load is over and the queue is empty.
 */
export async function readSnapshot(url: string): Promise<Snapshot> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECTION_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
  });
  await client.connect();
  try {
    await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return {
      orders: await read<StoredOrder>(client, ORDERS),
      levels: await read<Snapshot["levels"][number]>(client, LEVELS),
      movements: await read<Movement>(client, MOVEMENTS),
      reservations: await read<Snapshot["reservations"][number]>(client, RESERVATIONS),
      placed: await read<Snapshot["placed"][number]>(client, PLACED),
      mails: await read<Snapshot["mails"][number]>(client, MAILS),
      failures: await read<Snapshot["failures"][number]>(client, FAILURES),
      at_ms: (await read<{ at_ms: number }>(client, CLOCK))[0]?.at_ms ?? 0,
      taken_at_ms: nowMs(),
    };
  } finally {
    await client.end();
  }
}

// As JSON, in which a bigint is a number; the driver itself would make text of it.
async function read<Row>(client: pg.Client, text: string): Promise<Row[]> {
  const result = await client.query<{ rows: Row[] }>(`SELECT coalesce(json_agg(r), '[]') AS rows FROM (${text}) r`);
  return result.rows[0]?.rows ?? [];
}
