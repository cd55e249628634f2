import { sql } from "kysely";
import { type Check, NAMED_OFFENDERS } from "#src/platform/database/check.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { postgresIndexChecks } from "./search/drift-postgres.ts";

type Sums = { item_id: number; counted: number; summed: number };

/** The counters of a level are derived: from the ledger and from what is held open. */
export const catalogueChecks: Check[] = [
  ...postgresIndexChecks,
  {
    name: "stock: on_hand is the sum of its movements",
    find: (trx) => findWrongSums(trx, "on_hand", LEDGER_ON_HAND),
    repair: (trx) => deriveCounter(trx, "on_hand", LEDGER_ON_HAND),
  },
  {
    name: "stock: reserved is the sum of its open reservations",
    find: (trx) => findWrongSums(trx, "reserved", OPEN_RESERVATIONS),
    repair: (trx) => deriveCounter(trx, "reserved", OPEN_RESERVATIONS),
  },
  {
    name: "stock: reserved is the sum of its movements",
    find: (trx) => findWrongSums(trx, "reserved", LEDGER_RESERVED),
  },
  {
    name: "stock: every order has one reserving and at most one releasing or shipping movement of an item",
    async find(trx) {
      const { rows } = await sql<{ order_id: number; item_id: number; reserved: number; closed: number }>`
        SELECT order_id, item_id, count(*) FILTER (WHERE kind = 'reserved') AS reserved,
          count(*) FILTER (WHERE kind IN ('released', 'shipped')) AS closed
        FROM stock_movements WHERE order_id IS NOT NULL GROUP BY order_id, item_id
        HAVING count(*) FILTER (WHERE kind = 'reserved') <> 1 OR count(*) FILTER (WHERE kind IN ('released', 'shipped')) > 1
        ORDER BY order_id LIMIT ${NAMED_OFFENDERS}`.execute(trx);
      return rows.map(
        (row) =>
          `order ${row.order_id}, item ${row.item_id}: ${row.reserved} x reserved, ${row.closed} x released or shipped`,
      );
    },
  },
  {
    name: "stock: what is sold from stock has a level",
    async find(trx) {
      const { rows } = await sql<{ id: number }>`
        SELECT id FROM items WHERE tracked AND NOT EXISTS (SELECT FROM stock_levels WHERE item_id = items.id)
        ORDER BY id LIMIT ${NAMED_OFFENDERS}`.execute(trx);
      return rows.map((row) => `item ${row.id} has none`);
    },
  },
];

const LEDGER_ON_HAND = sql`SELECT item_id, sum(on_hand_delta) AS summed FROM stock_movements GROUP BY item_id`;
const LEDGER_RESERVED = sql`SELECT item_id, sum(reserved_delta) AS summed FROM stock_movements GROUP BY item_id`;
const OPEN_RESERVATIONS = sql`
  SELECT item_id, sum(quantity) AS summed FROM reservations WHERE status = 'open' GROUP BY item_id`;

async function findWrongSums(trx: Trx, counter: string, sums: typeof LEDGER_ON_HAND): Promise<string[]> {
  const { rows } = await sql<Sums>`
    SELECT l.item_id, ${sql.ref(`l.${counter}`)} AS counted, coalesce(s.summed, 0) AS summed
    FROM stock_levels l LEFT JOIN (${sums}) s USING (item_id)
    WHERE ${sql.ref(`l.${counter}`)} <> coalesce(s.summed, 0) ORDER BY l.item_id LIMIT ${NAMED_OFFENDERS}`.execute(trx);
  return rows.map((row) => `item ${row.item_id}: ${counter} says ${row.counted}, the sum is ${row.summed}`);
}

async function deriveCounter(trx: Trx, counter: string, sums: typeof LEDGER_ON_HAND): Promise<number> {
  await sql`SELECT item_id FROM stock_levels ORDER BY item_id FOR NO KEY UPDATE`.execute(trx);
  const { numAffectedRows } = await sql`
    UPDATE stock_levels l SET ${sql.ref(counter)} = d.summed
    FROM (SELECT item_id, coalesce(s.summed, 0) AS summed FROM stock_levels LEFT JOIN (${sums}) s USING (item_id)) d
    WHERE d.item_id = l.item_id AND ${sql.ref(`l.${counter}`)} <> d.summed`.execute(trx);
  return Number(numAffectedRows ?? 0);
}
