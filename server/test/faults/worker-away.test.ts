import { expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { cloneDatabase } from "#test/database.ts";
import { until } from "#test/until.ts";
import { figure } from "./database/figure.ts";
import { startService } from "./database/service-process.ts";
import { addProduct, call, orderOne, signUp } from "./database/shopper.ts";

const ORDERS = 100;
const TEST_WITHIN_MS = 240_000;

// D20, by processes
test(
  "the worker is killed: depth and age rise in the API's metrics; another one comes, and what waited is done, nothing lost",
  { timeout: TEST_WITHIN_MS },
  async () => {
    await using database = await cloneDatabase();
    await using api = await startService("api", { databaseUrl: database.url });
    const start = () => startService("worker", { databaseUrl: database.url, env: { LEASE_MS: "1000" } });
    const gauge = (name: string) => read(api.url, `messaging_queue_${name}{consumer="orders.reserve"}`);
    const staff = await signUp(api.url, database.url, "staff");
    const product = await addProduct(staff, 2 * ORDERS);
    const placed: number[] = [];
    const order = async () => {
      const reply = await orderOne(staff, product);
      if (reply.status === 202) placed.push((JSON.parse(reply.body) as { id: number }).id);
    };
    {
      await using worker = await start();
      for (let n = 0; n < ORDERS; n += 1) await order();
      process.kill(worker.pid, "SIGKILL");
      await until(() => worker.ended() !== undefined);
    }
    for (let n = 0; n < ORDERS; n += 1) await order();
    const depth = await gauge("depth");
    expect(depth).toBeGreaterThanOrEqual(ORDERS);
    const [age, lag] = [await gauge("oldest_age_seconds"), await gauge("lag_seconds")];
    await until(async () => (await gauge("oldest_age_seconds")) > age + 1 && (await gauge("lag_seconds")) > lag);
    const startedAt = performance.now();
    await using _next = await start();
    // Half of it, and the rest: each has the whole patience of a busy machine.
    for (const left of [depth / 2, 0]) await until(async () => (await gauge("depth")) <= left);
    figure(
      `${depth} messages waited; gone ${Math.round(performance.now() - startedAt)} ms after the start of a worker`,
    );
    expect([await gauge("oldest_age_seconds"), await gauge("lag_seconds")]).toEqual([0, 0]);
    const { body } = await staff.send("GET", `/api/v2/products/${product}`);
    expect((JSON.parse(body) as { available: number }).available).toBe(2 * ORDERS - placed.length);
    for (const id of placed) {
      const shown = await staff.send("GET", `/api/v2/orders/${id}`);
      expect([id, (JSON.parse(shown.body) as { status: string }).status]).toEqual([id, "reserved"]);
    }
    const findings = await verifyDatabase(database.url);
    expect(findings.filter((finding) => finding.offending.length > 0)).toEqual([]);
  },
);

/** One series of the metrics as Prometheus would read it. */
async function read(url: string, series: string): Promise<number> {
  const { body } = await call(`${url}/metrics`, "GET");
  const line = body.split("\n").find((one) => one.startsWith(`${series} `));
  if (line === undefined) throw new Error(`the metrics tell nothing of ${series}`);
  return Number(line.slice(series.length + 1));
}
