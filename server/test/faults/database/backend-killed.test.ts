import { expect, test } from "vitest";
import { until } from "#test/until.ts";
import { figure } from "./figure.ts";
import { expectHonest } from "./honest.ts";
import { startPostgres, withClient } from "./postgres.ts";
import { startService } from "./service-process.ts";
import { addProduct, orderOne, type Reply, signUp } from "./shopper.ts";

// All 200 where nobody waits for the result.
const KILLS = process.env["CI"] === undefined ? 50 : 200;
const TEST_WITHIN_MS = 120_000;

const SHOPPERS = 8;

// Between two statements as well as within one: a session that dies while nobody asks it anything must not end Node.
const KILL_ONE = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE application_name = 'shopfloor api' AND xact_start IS NOT NULL ORDER BY random() LIMIT 1`;
const BLOCKED = `SELECT pid FROM pg_stat_activity
  WHERE application_name = 'shopfloor api' AND wait_event_type = 'Lock' AND xact_start IS NOT NULL`;

// The lock holds the request inside its transaction until its backend is killed: each kill hits, and none is luck.
test(
  "F3: backends killed in a transaction cost their request a 503, and nothing else",
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

test(
  "F3: backends killed at random under load end no process and lose no order",
  { timeout: TEST_WITHIN_MS },
  async () => {
    await using postgres = await startPostgres();
    await using api = await startService("api", { databaseUrl: postgres.url });
    const staff = await signUp(api.url, postgres.url, "staff");
    const product = await addProduct(staff, 1_000_000);
    const counts = { kills: 0, accepted: 0 };
    const refused: Reply[] = [];
    const shop = async () => {
      while (counts.kills < KILLS && api.ended() === undefined) {
        const reply = await orderOne(staff, product);
        if (reply.status === 202) counts.accepted += 1;
        else refused.push(reply);
      }
    };
    const shoppers = Promise.all(Array.from({ length: SHOPPERS }, shop));
    const text = "SELECT count(*)::int AS n FROM orders";
    const stored = await withClient(postgres.url, async (killer) => {
      while (counts.kills < KILLS && api.ended() === undefined) {
        const before = counts.accepted;
        await until(() => counts.accepted > before || api.ended() !== undefined);
        counts.kills += (await killer.query(KILL_ONE)).rowCount ?? 0;
      }
      await shoppers;
      return (await killer.query<{ n: number }>(text)).rows[0]?.n ?? 0;
    });
    figure(`F3: ${counts.kills} kills, ${counts.accepted} orders accepted, ${refused.length} x 503`);
    expect(api.ended()).toBeUndefined();
    for (const reply of refused) expectHonest(reply);
    expect(stored).toBeGreaterThanOrEqual(counts.accepted);
    expect(await orderOne(staff, product)).toMatchObject({ status: 202 });
  },
);
