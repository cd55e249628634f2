import { expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { until } from "#test/until.ts";
import { figure } from "./figure.ts";
import { expectHonest } from "./honest.ts";
import { startPostgres } from "./postgres.ts";
import { createProxy, type Proxy } from "./proxy.ts";
import { type Service, startService } from "./service-process.ts";
import { addProduct, call, orderOne, type Reply, type Shopper, signUp } from "./shopper.ts";

const control = process.env["TOXIPROXY_URL"];
const ANSWERED_WITHIN_MS = 5_500;
const ROUNDS = 5;
const FLAPS = 6;
const TEST_WITHIN_MS = 120_000;
const MODES: Record<string, (proxy: Proxy) => Promise<void>> = {
  "five seconds of delay": (proxy) => proxy.poison("latency", { latency: 5_000 }),
  "a black hole": (proxy) => proxy.poison("timeout", { timeout: 0 }),
  resets: (proxy) => proxy.poison("reset_peer", { timeout: 0 }),
  "a cut": (proxy) => proxy.cut(),
  "bytes that trickle": (proxy) => proxy.poison("bandwidth", { rate: 0 }),
};

// Without Toxiproxy they are skipped; `scripts/services/start toxiproxy && . .services/env` brings it (with Go).
test.skipIf(control === undefined)(
  "a bad network before the database (scripts/services/start toxiproxy brings this test): every fault is answered in time, and heals",
  { timeout: TEST_WITHIN_MS },
  async () => {
    await using postgres = await startPostgres();
    await using proxy = await createProxy(control ?? "", postgres.url);
    await using api = await startService("api", { databaseUrl: proxy.url });
    await using worker = await startService("worker", { databaseUrl: proxy.url, env: { LEASE_MS: "1000" } });
    const staff = await signUp(api.url, postgres.url, "staff");
    const product = await addProduct(staff, 1_000_000);
    for (const [mode, spoil] of Object.entries(MODES)) {
      await orderOne(staff, product);
      await spoil(proxy);
      const replies = (await Promise.all(Array.from({ length: ROUNDS }, () => askAround(api, staff, product)))).flat();
      expect((await call(`${worker.url}/healthz`, "GET")).status).toBe(200);
      for (const reply of replies) expectHonest(reply);
      const slowest = Math.max(...replies.map((reply) => reply.ms));
      expect(slowest).toBeLessThan(ANSWERED_WITHIN_MS);
      await proxy.heal();
      const healing = performance.now();
      await until(async () => (await orderOne(staff, product)).status === 202, api.output);
      const healedMs = performance.now() - healing;
      figure(
        `${mode}: slowest of ${replies.length} answers ${Math.round(slowest)} ms, healed ${Math.round(healedMs)} ms`,
      );
    }
    for (let flap = 0; flap < FLAPS; flap += 1) {
      await proxy.cut();
      expectHonest(await orderOne(staff, product));
      await proxy.heal();
      await until(async () => (await orderOne(staff, product)).status === 202, api.output);
    }
    for (const { url } of [api, worker]) await until(async () => (await call(`${url}/readyz`, "GET")).status === 200);
    await until(async () => (await verifyDatabase(postgres.url)).every((one) => one.offending.length === 0));
    await until(async () => !(await staff.send("GET", "/api/v2/orders")).body.includes('"pending"'), worker.output);
    expect([api.ended(), worker.ended()]).toEqual([undefined, undefined]);
  },
);

async function askAround(api: Service, staff: Shopper, product: number): Promise<Reply[]> {
  const health = call(`${api.url}/healthz`, "GET");
  const asked = [
    orderOne(staff, product),
    staff.send("GET", "/api/v2/orders"),
    call(`${api.url}/api/v2/products/${product}`, "GET"),
    call(`${api.url}/readyz`, "GET"),
  ];
  expect((await health).status).toBe(200);
  return await Promise.all(asked);
}
