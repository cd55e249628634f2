import { sql } from "kysely";
import { expect, test } from "vitest";
import type { Db } from "#src/platform/database/database.ts";
import { messagingSweeps, sweepAll } from "#src/platform/messaging/retention.ts";
import { type Client, startApp, type TestApp } from "#test/app.ts";
import { order, stocked } from "#test/shop.ts";
import { figure } from "./database/figure.ts";

const never = new AbortController().signal;
const OLD = 100_000;
const WARM_UP = 300;
const ORDERS = 2_000;
const CYCLES = 10;
const ROWS_PER_CYCLE = 5_000;
/** Pages that a table may gain once it has been swept and filled again: what a vacuum has not given back yet. */
const GROWTH = 1.1;
const WITHIN_MS = 120_000;

// D21
test(
  "a hundred thousand old messages are swept in batches while orders are placed; what is young or dead stays",
  async () => {
    await using shop = await startApp({ worker: false });
    const buyer = await shop.signUp();
    const kettle = await stocked(shop, { stock: 100_000 });
    const first = await latencies(buyer, kettle, (placed) => placed < WARM_UP);
    const quiet = await latencies(buyer, kettle, (placed) => placed < ORDERS);
    for (let made = 0; made < OLD; made += ROWS_PER_CYCLE) await age(shop.db, ROWS_PER_CYCLE);
    await sql`UPDATE deliveries SET handled_at = NULL, dead_at = now() - interval '30 days'
      WHERE message_id = (SELECT min(message_id) FROM deliveries WHERE handled_at IS NOT NULL)`.execute(shop.db);
    let swept: number | undefined;
    const sweeping = sweepAll(shop.context, messagingSweeps("postgres"), never).then((rows) => (swept = rows));
    const busy = await latencies(buyer, kettle, () => swept === undefined);
    await sweeping;
    expect(swept).toBe(3 * OLD - 3);
    expect(await old(shop)).toEqual({ outbox: 1, deliveries: 1, failures: 1 });
    const young = sql<{ n: number }>`SELECT count(*) AS n FROM outbox WHERE topic = 'order.placed'`;
    expect((await young.execute(shop.db)).rows[0]?.n).toBe(first.length + quiet.length + busy.length);
    figure(
      `${swept} rows swept; p95 of an order ${p95(quiet)} ms before, ${p95(busy)} ms meanwhile (${busy.length} orders)`,
    );
  },
  WITHIN_MS,
);

test(
  "ten times filled and swept, the tables are as large as after the first time",
  async () => {
    await using shop = await startApp({ worker: false });
    const pages: number[] = [];
    for (let cycle = 0; cycle < CYCLES; cycle += 1) {
      await age(shop.db, ROWS_PER_CYCLE);
      await sweepAll(shop.context, messagingSweeps("postgres"), never);
      // What autovacuum does in its own time.
      for (const table of ["outbox", "deliveries", "delivery_failures"])
        await sql.raw(`VACUUM ${table}`).execute(shop.db);
      const { rows } = await sql<{ bytes: number }>`SELECT sum(pg_table_size(oid)) AS bytes FROM pg_class
        WHERE relname IN ('outbox', 'deliveries', 'delivery_failures')`.execute(shop.db);
      pages.push(Number(rows[0]?.bytes));
    }
    const [first = 0, ...later] = pages;
    figure(`table sizes over ${CYCLES} cycles: ${pages.join(", ")} bytes`);
    expect(Math.max(...later)).toBeLessThanOrEqual(first * GROWTH);
  },
  WITHIN_MS,
);

/** Messages that were handled a month ago, with a failed attempt each. */
async function age(db: Db, count: number): Promise<void> {
  await sql`
    WITH written AS (
      INSERT INTO outbox (topic, payload, correlation_id, traceparent, occurred_at)
      SELECT 'item.changed', '{"item_id": 1}', 'long-ago', '00-' || repeat('1', 32) || '-' || repeat('1', 16) || '-01',
        now() - interval '30 days' FROM generate_series(1, ${count}::int) RETURNING id
    ), delivered AS (
      INSERT INTO deliveries (message_id, consumer, attempts, handled_at)
      SELECT id, 'catalogue.index', 2, now() - interval '30 days' FROM written
    )
    INSERT INTO delivery_failures (message_id, consumer, attempt, error, failed_at)
    SELECT id, 'catalogue.index', 1, 'Error: away', now() - interval '30 days' FROM written`.execute(db);
}

async function latencies(buyer: Client, product: number, goesOn: (placed: number) => boolean): Promise<number[]> {
  const taken: number[] = [];
  while (goesOn(taken.length)) {
    const before = performance.now();
    expect((await order(buyer, [[product, 1]])).statusCode).toBe(202);
    taken.push(performance.now() - before);
  }
  return taken;
}

async function old(shop: TestApp) {
  const { rows } = await sql`SELECT
    (SELECT count(*) FROM outbox WHERE correlation_id = 'long-ago') AS outbox,
    (SELECT count(*) FROM deliveries WHERE attempts = 2) AS deliveries,
    (SELECT count(*) FROM delivery_failures) AS failures`.execute(shop.db);
  return rows[0];
}

function p95(times: number[]): number {
  return Math.round((times.toSorted((a, b) => a - b)[Math.floor(times.length * 0.95)] ?? 0) * 10) / 10;
}
