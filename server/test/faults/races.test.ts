import { expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { query, startCluster } from "./cluster.ts";
import { ask, signUp, stock } from "./people.ts";
import { drained, startShop } from "./shop-under-fire.ts";

const RACES = 500;
const AT_ONCE = 20;
const STOCK = 300;
const TEST_MS = 120_000;

test(
  `${RACES} races of a cancellation against the reservation: every piece is back, exactly once`,
  { timeout: TEST_MS },
  async () => {
    await using cluster = await startCluster();
    await using shop = await startShop(cluster);
    const [url = ""] = shop.urls;
    const staff = await signUp(shop, "staff");
    const product = await stock(shop, staff, { stock: STOCK, price_cents: 100 });
    const { token } = await signUp(shop);
    const answers: number[] = [];
    const race = async () => {
      const body = { items: [{ product_id: product, quantity: 1 }] };
      const placed = await ask(`${url}/api/v2/orders`, { method: "POST", token, body });
      const cancelled = `${url}/api/v2/orders/${String(placed.body["id"])}/cancel`;
      answers.push((await ask(cancelled, { method: "POST", token })).status);
    };
    for (let done = 0; done < RACES; done += AT_ONCE) await Promise.all(Array.from({ length: AT_ONCE }, race));
    await drained(shop);
    expect(answers).toEqual(Array(RACES).fill(200));
    const [sums] = await query(shop.databaseUrl, SUMS, [product]);
    expect(sums).toMatchObject({ cancelled: RACES, on_hand: STOCK, reserved: 0, open: 0, balance: 0 });
    const findings = await verifyDatabase(shop.databaseUrl);
    expect(findings.filter((finding) => finding.offending.length > 0)).toEqual([]);
  },
);

const SUMS = `SELECT on_hand, reserved,
  (SELECT count(*)::int FROM orders WHERE status = 'cancelled') AS cancelled,
  (SELECT count(*)::int FROM reservations WHERE status = 'open') AS open,
  (SELECT sum(reserved_delta)::int FROM stock_movements) AS balance
  FROM stock_levels WHERE item_id = $1`;
