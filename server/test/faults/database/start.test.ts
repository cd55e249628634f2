import { expect, test } from "vitest";
import { until } from "#test/until.ts";
import { expectHonest } from "./honest.ts";
import { startPostgres, withClient } from "./postgres.ts";
import { startService } from "./service-process.ts";
import { call, signUp } from "./shopper.ts";

const PROBES = 100;

test("a start without a database: alive, not ready, honest, and healed by itself when it comes", async () => {
  await using postgres = await startPostgres();
  await postgres.stop();
  const databaseUrl = postgres.url;
  await using api = await startService("api", { databaseUrl });
  await using worker = await startService("worker", { databaseUrl });

  for (const { url } of [api, worker]) {
    for (let probe = 0; probe < PROBES; probe += 1) expect((await call(`${url}/healthz`, "GET")).status).toBe(200);
    expect((await call(`${url}/readyz`, "GET")).status).toBe(503);
    expect((await call(`${url}/metrics`, "GET")).status).toBe(200);
  }
  const account = { email: "early@example.org", password: "too early for this", full_name: "Early" };
  const refused = [
    await call(`${api.url}/api/v2/products`, "GET"),
    await call(`${api.url}/api/v1/users/register`, "POST", { body: account }),
    await call(`${api.url}/api/v1/users/login`, "POST", { body: { email: account.email, password: account.password } }),
    await call(`${api.url}/api/v1/health/ready`, "GET"),
  ];
  for (const reply of refused) expectHonest(reply);

  await postgres.start();
  for (const { url } of [worker, api]) await until(async () => (await call(`${url}/readyz`, "GET")).status === 200);
  expect(await withClient(postgres.url, async (client) => (await client.query("SELECT FROM users")).rowCount)).toBe(0);
  const staff = await signUp(api.url, postgres.url, "staff");
  const product = { name: "Kettle", price_cents: 4_990, stock: 3 };
  const { id: product_id } = JSON.parse((await staff.send("POST", "/api/v2/products", { body: product })).body) as Id;
  const order = await staff.send("POST", "/api/v2/orders", { body: { items: [{ product_id, quantity: 1 }] } });
  const { id } = JSON.parse(order.body) as Id;
  await until(async () => (await staff.send("GET", `/api/v2/orders/${id}`)).body.includes('"reserved"'), worker.output);
  expect([api.ended(), worker.ended()]).toEqual([undefined, undefined]);
});

type Id = { id: number };
