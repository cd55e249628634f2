import { expect, test } from "vitest";
import { until } from "#test/until.ts";
import { expectHonest } from "./honest.ts";
import { startPostgres, withClient } from "./postgres.ts";
import { startService } from "./service-process.ts";
import { addProduct, signUp } from "./shopper.ts";

const KILLS = 200;
const TEST_WITHIN_MS = 120_000;

const BLOCKED = `SELECT pid FROM pg_stat_activity
  WHERE application_name = 'shopfloor api' AND wait_event_type = 'Lock' AND xact_start IS NOT NULL`;

// The lock holds the request inside its transaction until its backend is killed: each kill hits, and none is luck.
test(
  "F3: 200 backends killed in a transaction cost their request a 503, and nothing else",
  { timeout: TEST_WITHIN_MS },
  async () => {
    await using postgres = await startPostgres();
    await using api = await startService("api", { databaseUrl: postgres.url });
    const staff = await signUp(api.url, postgres.url, "staff");
    const product = await addProduct(staff, KILLS);
    const path = `/api/v2/products/${product}/stock`;
    const adjust = () => staff.send("POST", path, { body: { delta: 1, reason: "found" } });

    await withClient(postgres.url, (watcher) =>
      withClient(postgres.url, async (holder) => {
        for (let kill = 1; kill <= KILLS; kill += 1) {
          await holder.query("BEGIN");
          await holder.query("SELECT FROM stock_levels WHERE item_id = $1 FOR UPDATE", [product]);
          const doomed = adjust();
          const pid = await until(async () => (await watcher.query<{ pid: number }>(BLOCKED)).rows[0]?.pid);
          await watcher.query("SELECT pg_terminate_backend($1, 1000)", [pid]);
          expectHonest(await doomed);
          await holder.query("COMMIT");
          expect(await staff.send("GET", `/api/v2/products/${product}`)).toMatchObject({ status: 200 });
        }
      }),
    );
    expect(await adjust()).toMatchObject({ status: 201 });
    const left = JSON.parse((await staff.send("GET", `/api/v2/products/${product}`)).body) as { available: number };
    expect(left.available).toBe(KILLS + 1);
    expect(api.ended()).toBeUndefined();
  },
);
