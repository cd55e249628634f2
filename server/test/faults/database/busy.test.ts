import { expect, test } from "vitest";
import { until } from "#test/until.ts";
import { figure } from "./figure.ts";
import { expectHonest } from "./honest.ts";
import { startPostgres, withClient } from "./postgres.ts";
import { startService } from "./service-process.ts";
import { addProduct, call, orderOne, signUp } from "./shopper.ts";

const CLIENTS = 200;
/** What every fault is answered within, by the ladder of time-outs: 5 s for the handler and a moment to send it. */
const ANSWERED_WITHIN_MS = 5_500;
const TEST_WITHIN_MS = 60_000;

test(
  "F5: 200 clients on 10 connections that are all stuck are told so; who asks for health is answered",
  { timeout: TEST_WITHIN_MS },
  async () => {
    await using postgres = await startPostgres();
    await using api = await startService("api", { databaseUrl: postgres.url, env: { DATABASE_POOL: "10" } });
    await addProduct(await signUp(api.url, postgres.url, "staff"), 1);
    // Each its own page: whoever asks for the same one shares its statement.
    const read = (_: unknown, nth: number) => call(`${api.url}/api/v2/products?skip=${nth}`, "GET");

    await withClient(postgres.url, async (holder) => {
      await holder.query("BEGIN");
      await holder.query("LOCK TABLE items IN ACCESS EXCLUSIVE MODE");
      const stuck = Array.from({ length: CLIENTS }, read);
      const busy = /database_pool_connections\{state="busy"\} 10\b/;
      await until(async () => busy.test((await call(`${api.url}/metrics`, "GET")).body));
      const health = await call(`${api.url}/healthz`, "GET");
      expect(health.status).toBe(200);
      // Busy is not down: another process would be as busy, with the load of this one on top.
      expect(await call(`${api.url}/readyz`, "GET")).toMatchObject({ status: 200 });
      const replies = await Promise.all(stuck);
      for (const reply of replies) expectHonest(reply);
      const slowest = Math.max(...replies.map((reply) => reply.ms));
      expect(slowest).toBeLessThan(ANSWERED_WITHIN_MS);
      figure(`F5: slowest refusal ${Math.round(slowest)} ms, health ${Math.round(health.ms)} ms`);
      await holder.query("COMMIT");
    });
    const again = await Promise.all(Array.from({ length: CLIENTS }, read));
    expect(again.filter((reply) => reply.status !== 200)).toEqual([]);
  },
);

test(
  "a server that is frozen with its connections open is answered for in time, and everything heals",
  { timeout: TEST_WITHIN_MS },
  async () => {
    await using postgres = await startPostgres();
    await using api = await startService("api", { databaseUrl: postgres.url });
    await using worker = await startService("worker", { databaseUrl: postgres.url });
    const staff = await signUp(api.url, postgres.url, "staff");
    const product = await addProduct(staff, 100);
    await Promise.all(Array.from({ length: 20 }, () => orderOne(staff, product)));

    await postgres.freeze();
    const asked = Array.from({ length: 30 }, (_, nth) => [
      orderOne(staff, product),
      staff.send("GET", "/api/v2/orders"),
      call(`${api.url}/api/v2/products/${product}`, "GET"),
      call(`${api.url}/api/v1/users/login`, "POST", {
        body: { email: `nobody-${nth}@example.org`, password: "some password" },
      }),
      call(`${api.url}/readyz`, "GET"),
    ]).flat();
    const health = await Promise.all([api, worker].map(({ url }) => call(`${url}/healthz`, "GET")));
    expect(health.map((reply) => reply.status)).toEqual([200, 200]);
    const replies = await Promise.all(asked);
    for (const reply of replies) expectHonest(reply);
    const slowest = Math.max(...replies.map((reply) => reply.ms));
    figure(`frozen server: slowest of ${replies.length} answers ${Math.round(slowest)} ms`);
    expect(slowest).toBeLessThan(ANSWERED_WITHIN_MS);

    await postgres.thaw();
    await until(async () => (await orderOne(staff, product)).status === 202, api.output);
    for (const { url } of [api, worker]) await until(async () => (await call(`${url}/readyz`, "GET")).status === 200);
    expect([api.ended(), worker.ended()]).toEqual([undefined, undefined]);
  },
);
