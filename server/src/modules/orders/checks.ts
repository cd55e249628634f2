import { sql } from "kysely";
import { listHeld, listShipped } from "#src/modules/catalogue/public.ts";
import { type Check, NAMED_OFFENDERS } from "#src/platform/database/check.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { listStockLines } from "./repository.ts";
import type { OrderStatus } from "./schemas.ts";
import { HOLDS, mayBecome } from "./transitions.ts";

/** An order that waits longer than this has been forgotten by somebody. */
const PENDING_MINUTES = 15;
/** One that is due for longer than this is expired by nobody. */
const OVERDUE_MINUTES = 15;
const PAGE = 1_000;

/** An order's status is derived from its history, and what it holds of the stock from its status. */
export const orderChecks: Check[] = [
  {
    name: "orders: the status is the last one of the history, which starts at pending and takes allowed steps",
    find: findBrokenHistories,
  },
  {
    name: "orders: the total is the sum of the lines",
    async find(trx) {
      const { rows } = await sql<{ id: number; total_cents: number; summed: number }>`
        SELECT o.id, o.total_cents, coalesce(l.summed, 0) AS summed FROM orders o LEFT JOIN (${LINE_SUMS}) l ON l.order_id = o.id
        WHERE o.total_cents <> coalesce(l.summed, 0) ORDER BY o.id LIMIT ${NAMED_OFFENDERS}`.execute(trx);
      return rows.map((row) => `order ${row.id}: ${row.total_cents} cents, its lines ${row.summed}`);
    },
    async repair(trx) {
      const { numAffectedRows } = await sql`UPDATE orders o SET total_cents = l.summed FROM (${LINE_SUMS}) l
        WHERE l.order_id = o.id AND o.total_cents <> l.summed`.execute(trx);
      return Number(numAffectedRows ?? 0);
    },
  },
  {
    name: "orders: a reserved order holds exactly its lines, so does a paid one, a shipped one took them along; others nothing",
    find: findWrongHoldings,
  },
  {
    name: `orders: none is pending for more than ${PENDING_MINUTES} minutes`,
    async find(trx) {
      const { rows } = await sql<{ id: number; created_at: string }>`SELECT id, created_at FROM orders
        WHERE status = 'pending' AND created_at < now() - make_interval(mins => ${PENDING_MINUTES})
        ORDER BY id LIMIT ${NAMED_OFFENDERS}`.execute(trx);
      return rows.map((row) => `order ${row.id} since ${row.created_at}`);
    },
  },
  {
    name: `orders: none is kept unpaid for more than ${OVERDUE_MINUTES} minutes beyond its time`,
    async find(trx) {
      const { rows } = await sql<{ id: number; expires_at: string }>`SELECT id, expires_at FROM orders
        WHERE status = 'reserved' AND expires_at < now() - make_interval(mins => ${OVERDUE_MINUTES})
        ORDER BY id LIMIT ${NAMED_OFFENDERS}`.execute(trx);
      return rows.map((row) => `order ${row.id} should have expired at ${row.expires_at}`);
    },
  },
];

const LINE_SUMS = sql`SELECT order_id, sum(quantity * unit_price_cents)::bigint AS summed FROM order_items GROUP BY order_id`;

async function findBrokenHistories(trx: Trx): Promise<string[]> {
  const broken: string[] = [];
  for await (const page of orderPages(trx)) {
    const events = await trx
      .selectFrom("order_events")
      .select(["order_id", "status"])
      .where(
        "order_id",
        "in",
        page.map((order) => order.id),
      )
      .orderBy("id")
      .execute();
    const histories = Map.groupBy(events, (event) => event.order_id);
    for (const order of page) {
      const steps = (histories.get(order.id) ?? []).map((event) => event.status as OrderStatus);
      const isAllowed = steps.every((step, at) => (at === 0 ? step === "pending" : mayFollow(steps[at - 1], step)));
      if (!isAllowed || steps.at(-1) !== order.status)
        broken.push(`order ${order.id}: ${order.status} after ${steps.join(", ")}`);
    }
    if (broken.length >= NAMED_OFFENDERS) break;
  }
  return broken.slice(0, NAMED_OFFENDERS);
}

function mayFollow(from: OrderStatus | undefined, to: OrderStatus): boolean {
  return from !== undefined && mayBecome(from, to);
}

async function findWrongHoldings(trx: Trx): Promise<string[]> {
  const wrong: string[] = [];
  for await (const page of orderPages(trx)) {
    const ids = page.map((order) => order.id);
    const wanted = await listStockLines(trx, ids);
    const [held, shipped] = [await listHeld(trx, ids), await listShipped(trx, ids)];
    for (const order of page) {
      const lines = describe(wanted.get(order.id) ?? []);
      const [holding, left] = [describe(held.get(order.id) ?? []), describe(shipped.get(order.id) ?? [])];
      const due = HOLDS[order.status] === "open" ? lines : "nothing";
      if (due !== holding) wrong.push(`order ${order.id} is ${order.status} and holds ${holding} instead of ${due}`);
      const gone = HOLDS[order.status] === "shipped" ? lines : "nothing";
      if (gone !== left) wrong.push(`order ${order.id} is ${order.status} and took ${left} along instead of ${gone}`);
    }
    if (wrong.length >= NAMED_OFFENDERS) break;
  }
  return wrong.slice(0, NAMED_OFFENDERS);
}

function describe(lines: { item_id: number; quantity: number }[]): string {
  const sorted = lines.toSorted((one, other) => one.item_id - other.item_id);
  return sorted.map((line) => `${line.quantity} x item ${line.item_id}`).join(", ") || "nothing";
}

async function* orderPages(trx: Trx): AsyncGenerator<{ id: number; status: OrderStatus }[]> {
  for (let after = 0; ;) {
    const rows = await trx
      .selectFrom("orders")
      .select(["id", "status"])
      .where("id", ">", after)
      .orderBy("id")
      .limit(PAGE)
      .execute();
    if (rows.length > 0) yield rows;
    if (rows.length < PAGE) return;
    after = rows.at(-1)?.id ?? after;
  }
}
