import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { until } from "#test/until.ts";
import { figure } from "./figure.ts";
import { startPostgres, withClient } from "./postgres.ts";
import { startService } from "./service-process.ts";
import { addProduct, orderOne, type Shopper, signUp } from "./shopper.ts";

const KILLS = 5;
const SHOPPERS = 8;
const ORDERS_BETWEEN_KILLS = 40;
const TEST_WITHIN_MS = 120_000;

test("F4: PostgreSQL killed under load loses no order that was acknowledged", { timeout: TEST_WITHIN_MS }, async () => {
  await using postgres = await startPostgres();
  const settings = { databaseUrl: postgres.url, env: { LEASE_MS: "1000" } };
  await using api = await startService("api", settings);
  await using worker = await startService("worker", settings);
  expect(await durability(postgres.url)).toEqual(["on", "on", "on"]);
  const staff = await signUp(api.url, postgres.url, "staff");
  const product = await addProduct(staff, 1_000_000);

  const stop = new AbortController();
  const acknowledged = new Map<string, number>();
  const refused = { unavailable: 0, other: [] as string[] };
  const shop = async () => {
    while (!stop.signal.aborted) {
      const key = randomUUID();
      const reply = await orderOne(staff, product, key);
      if (reply.status === 202) acknowledged.set(key, (JSON.parse(reply.body) as { id: number }).id);
      else if (reply.status === 503) refused.unavailable += 1;
      else refused.other.push(`${reply.status} ${reply.body}`);
    }
  };
  const shoppers = Array.from({ length: SHOPPERS }, shop);
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const before = acknowledged.size;
    await until(() => acknowledged.size > before + ORDERS_BETWEEN_KILLS, api.output);
    await postgres.kill();
    await postgres.start();
  }
  const before = acknowledged.size;
  await until(() => acknowledged.size > before, api.output);
  stop.abort();
  await Promise.all(shoppers);

  expect(refused.other).toEqual([]);
  await expectAllKept(staff, product, acknowledged);
  await until(async () => (await open(postgres.url)) === 0, worker.output);
  expect((await verifyDatabase(postgres.url)).filter((finding) => finding.offending.length > 0)).toEqual([]);
  expect([api.ended(), worker.ended()]).toEqual([undefined, undefined]);
  figure(`F4: ${KILLS} kills, ${acknowledged.size} orders acknowledged, 0 lost, ${refused.unavailable} x 503`);
});

/** What was acknowledged is answered again with the same order. */
async function expectAllKept(shopper: Shopper, product: number, acknowledged: Map<string, number>): Promise<void> {
  const lost: string[] = [];
  for (const [key, id] of acknowledged) {
    const again = await orderOne(shopper, product, key);
    const same = again.status === 202 && (JSON.parse(again.body) as { id: number }).id === id;
    if (!same) lost.push(`order ${id} of ${key}: ${again.status} ${again.body}`);
  }
  expect(lost).toEqual([]);
}

async function durability(url: string): Promise<(string | undefined)[]> {
  const setting = "SELECT setting FROM pg_settings WHERE name = ANY($1) ORDER BY name";
  const names = ["fsync", "full_page_writes", "synchronous_commit"];
  return await withClient(url, async (client) =>
    (await client.query<{ setting: string }>(setting, [names])).rows.map((row) => row.setting),
  );
}

async function open(url: string): Promise<number> {
  const text = "SELECT count(*)::int AS n FROM deliveries WHERE handled_at IS NULL AND dead_at IS NULL";
  return await withClient(url, async (client) => (await client.query<{ n: number }>(text)).rows[0]?.n ?? 0);
}
