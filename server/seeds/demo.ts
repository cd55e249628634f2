import { sql } from "kysely";
import { endOrders } from "#src/modules/orders/end-orders.ts";
import { moveOrders } from "#src/modules/orders/move-orders.ts";
import { insertOrders, listStockLines, lockOrders } from "#src/modules/orders/repository.ts";
import { orderPlaced } from "#src/modules/orders/events.ts";
import { priceOrder } from "#src/modules/orders/price-order.ts";
import type { Role } from "#src/permissions.ts";
import { itemChanged } from "#src/modules/catalogue/events.ts";
import { priceProducts, reserveStock, shipStock } from "#src/modules/catalogue/public.ts";
import { createDatabase, type Trx } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { publish } from "#src/platform/messaging/publish.ts";
import { createPasswords } from "#src/platform/security/passwords.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { newOrigin } from "#src/platform/telemetry/origin.ts";
import { demoItems, demoProducts } from "./demo-catalogue.ts";

export type DemoLogin = { email: string; password: string; role: Role };

/** Published passwords: for a laptop, and refused in production. */
export const demoLogins: DemoLogin[] = [
  { email: "admin@shopfloor.example", password: "shopfloor-admin", role: "admin" },
  { email: "staff@shopfloor.example", password: "shopfloor-staff", role: "staff" },
  { email: "customer@shopfloor.example", password: "shopfloor-customer", role: "customer" },
];
const NAMES = ["Ada Admin", "Stan Staff", "Carla Customer"];
const STAFF_ID = 2;
const CUSTOMER_ID = 3;
const ORDERS = 12;
/** What the first of them have become already. */
const ENDS = ["paid", "shipped", "delivered", "cancelled", "expired"] as const;
const RESERVED_SECONDS = 900;

/**
 * Fills an empty database with a shop to look at: accounts, products with stock, items, and orders for the worker.
 * Rows have fixed ids from 1, and the sequences are set behind them. A database with accounts is left as it is.
 * @param onProgress rows written so far, and rows altogether
 */
export async function seedDemo(
  databaseUrl: string,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<{ seeded: boolean }> {
  const log = createLog({ logLevel: "silent", process: "seed" });
  const db = createDatabase(createPool({ url: databaseUrl, max: 1, work: "worker", name: "seed", log }));
  const total = demoLogins.length + demoProducts.length + demoItems.length + ORDERS;
  let done = 0;
  const wrote = (count: number): void => onProgress((done += count), total);
  try {
    return await db.transaction().execute(async (trx) => {
      // Two seeders at once: the second waits here, and then finds the first one's accounts.
      await sql`LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE`.execute(trx);
      if ((await trx.selectFrom("users").select("id").limit(1).executeTakeFirst()) !== undefined)
        return { seeded: false };
      await seedUsers(trx, wrote);
      await seedProducts(trx, wrote);
      await seedItems(trx, wrote);
      await alignSequences(trx);
      await announce(trx);
      await seedOrders(trx, wrote);
      return { seeded: true };
    });
  } finally {
    await db.destroy();
  }
}

type Wrote = (count: number) => void;

async function seedUsers(trx: Trx, wrote: Wrote): Promise<void> {
  const passwords = createPasswords();
  for (const [index, { email, password, role }] of demoLogins.entries()) {
    const user = { id: index + 1, email, role, full_name: NAMES[index] ?? email };
    await trx
      .insertInto("users")
      .values({ ...user, password_hash: await passwords.hash(password) })
      .execute();
    wrote(1);
  }
  await passwords.close();
}

async function seedProducts(trx: Trx, wrote: Wrote): Promise<void> {
  const correlation_id = "demo-data";
  for (const [index, { stock, name, ...product }] of demoProducts.entries()) {
    const item_id = index + 1;
    await trx
      .insertInto("items")
      .values({ id: item_id, owner_id: STAFF_ID, title: name, tracked: true, ...product })
      .execute();
    await trx.insertInto("stock_levels").values({ item_id, on_hand: stock }).execute();
    const movement = {
      item_id,
      kind: "adjusted" as const,
      on_hand_delta: stock,
      reason: "first stock",
      user_id: STAFF_ID,
    };
    await trx
      .insertInto("stock_movements")
      .values({ ...movement, correlation_id })
      .execute();
    wrote(1);
  }
}

async function seedItems(trx: Trx, wrote: Wrote): Promise<void> {
  const rows = demoItems.map((item, index) => ({
    id: demoProducts.length + index + 1,
    owner_id: CUSTOMER_ID,
    ...item,
  }));
  await trx.insertInto("items").values(rows).execute();
  wrote(rows.length);
}

// Rows with fixed ids leave the sequences behind them: the next insert would collide.
async function alignSequences(trx: Trx): Promise<void> {
  for (const table of ["users", "items"]) {
    await sql`SELECT setval(pg_get_serial_sequence(${table}, 'id'), (SELECT max(id) FROM ${sql.table(table)}))`.execute(
      trx,
    );
  }
}

/** Items are told of like any others, so that the worker makes them searchable. */
async function announce(trx: Trx): Promise<void> {
  const origin = newOrigin({ user_id: STAFF_ID, correlation_id: "demo-data" });
  const ids = Array.from({ length: demoProducts.length + demoItems.length }, (_, index) => index + 1);
  await publish(
    trx,
    itemChanged,
    ids.map((item_id) => ({ origin, payload: { item_id } })),
  );
}

/** Orders are placed like any other, so that the worker has something to do when it starts. */
async function seedOrders(trx: Trx, wrote: Wrote): Promise<void> {
  const prices = await priceProducts(
    trx,
    demoProducts.map((_, index) => index + 1),
  );
  const orders = Array.from({ length: ORDERS }, (_, index) => {
    const items = [
      { product_id: (index % demoProducts.length) + 1, quantity: (index % 3) + 1 },
      { product_id: ((index * 5 + 2) % demoProducts.length) + 1, quantity: 1 },
    ];
    const priced = priceOrder(items, prices);
    if ("error" in priced) throw priced.error;
    const origin = newOrigin({ user_id: CUSTOMER_ID, correlation_id: `demo-order-${index + 1}` });
    return { command: { user_id: CUSTOMER_ID, origin }, ...priced.value };
  });
  const placed = await insertOrders(trx, orders);
  const messages = placed.map(({ command, order }) => ({ origin: command.origin, payload: { order_id: order.id } }));
  await publish(trx, orderPlaced, messages);
  await seedEnds(trx, placed.map(({ order }) => order.id).slice(0, ENDS.length));
  wrote(ORDERS);
}

/** Takes some orders further, so that there is one in every state; the worker finds nothing left to do for them. */
async function seedEnds(trx: Trx, ids: number[]): Promise<void> {
  const [orders, lines] = [await lockOrders(trx, ids), await listStockLines(trx, ids)];
  const steps = orders.map((order, index) => {
    const { correlation_id } = order;
    const origin = newOrigin({ user_id: STAFF_ID, correlation_id });
    return { end: ENDS[index] ?? "paid", order, origin, correlation_id, actor_id: STAFF_ID };
  });
  const requests = steps.map(({ order: { id: order_id }, correlation_id, origin }) => {
    return { order_id, correlation_id, origin, lines: lines.get(order_id) ?? [] };
  });
  const allocations = await reserveStock(trx, requests);
  if (allocations.some(({ outcome }) => outcome !== "reserved")) throw new Error("the demo's stock is too small");
  await moveOrders(
    trx,
    steps.map((step) => ({ ...step, actor_id: null, status: "reserved", seconds: RESERVED_SECONDS })),
  );
  for (const { end, ...step } of steps) {
    if (end === "cancelled" || end === "expired") {
      await endOrders(trx, [{ ...step, status: end }]);
      continue;
    }
    const { id: order_id, correlation_id } = step.order;
    await moveOrders(trx, [{ ...step, status: "paid", payment_reference: `demo-payment-${order_id}` }]);
    if (end === "paid") continue;
    await shipStock(trx, [{ order_id, correlation_id }]);
    await moveOrders(trx, [{ ...step, status: "shipped", carrier: "Post", tracking: `demo-${order_id}` }]);
    if (end === "delivered") await moveOrders(trx, [{ ...step, status: "delivered" }]);
  }
}
