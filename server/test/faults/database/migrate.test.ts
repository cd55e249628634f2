import type pg from "pg";
import { expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { listMigrations, migrationStatus } from "#src/platform/database/migrate.ts";
import { until } from "#test/until.ts";
import { figure } from "./figure.ts";
import { createNewerCode, NEWER_MIGRATIONS } from "./newer-code.ts";
import { type Postgres, startPostgres, withClient } from "./postgres.ts";
import { type Service, startMigrate, startService } from "./service-process.ts";
import { addProduct, call, orderOne, type Reply, type Shopper, signUp } from "./shopper.ts";

const TEST_WITHIN_MS = 120_000;
const STARTS = 5;
const SHOPPERS = 4;
const REQUESTS_AFTERWARDS = 200;
const RETRIES_SEEN = 2;

test(
  "F11, F12: old and new code work together while the schema changes, and no request fails",
  { timeout: TEST_WITHIN_MS },
  async () => {
    await using postgres = await startPostgres();
    await using newer = await createNewerCode();
    const databaseUrl = postgres.url;
    await using old = await startService("api", { databaseUrl });
    await using worker = await startService("worker", { databaseUrl });
    await using fresh = await startService("api", { databaseUrl, main: newer.main });
    const staff = await signUp(old.url, databaseUrl, "staff");
    const product = await addProduct(staff, 1_000_000);
    expect((await call(`${fresh.url}/readyz`, "GET")).status).toBe(503);

    const load = startLoad(staff, [old], product);
    await until(() => load.count() > REQUESTS_AFTERWARDS, old.output);
    // Somebody reads for long: the migration must give up its place again and again, or everybody waits behind it.
    const migrating = await withClient(databaseUrl, async (reader) => {
      await reader.query("BEGIN");
      await reader.query("SELECT FROM items, orders LIMIT 1");
      const started = startMigrate(databaseUrl, newer.main);
      await until(() => started.output().split("trying again").length > RETRIES_SEEN, started.output);
      await reader.query("COMMIT");
      return started;
    });
    expect([await migrating.done, migrating.output()]).toEqual(["code 0", expect.stringContaining("9002_note_index")]);
    await until(async () => (await call(`${fresh.url}/readyz`, "GET")).status === 200);
    load.add(fresh);
    const before = load.count();
    await until(() => load.count() > before + REQUESTS_AFTERWARDS, fresh.output);
    const { failed, slowestMs, count } = await load.stop();
    expect(failed).toEqual([]);
    figure(`F11: ${count} requests, 0 failed, slowest ${Math.round(slowestMs)} ms`);

    await expectOldCodeServes(postgres, product);
    await until(
      async () => (await verifyDatabase(databaseUrl)).every((one) => one.offending.length === 0),
      worker.output,
    );
  },
);

/** F12: the code before, started on the schema that came after it. */
async function expectOldCodeServes(postgres: Postgres, product: number): Promise<void> {
  const again = startMigrate(postgres.url);
  expect([await again.done, again.output()]).toEqual(["code 0", expect.stringContaining("newer than this code")]);
  await using old = await startService("api", { databaseUrl: postgres.url });
  await until(async () => (await call(`${old.url}/readyz`, "GET")).status === 200);
  const shopper = await signUp(old.url, postgres.url);
  const placed = await orderOne(shopper, product);
  expect(placed.status).toBe(202);
  const { id } = JSON.parse(placed.body) as { id: number };
  await until(async () => (await shopper.send("GET", `/api/v2/orders/${id}`)).body.includes('"reserved"'));
}

test("F11: a migration that is killed is done by the next run", { timeout: TEST_WITHIN_MS }, async () => {
  await using postgres = await startPostgres();
  await using newer = await createNewerCode();
  const all = [...(await listMigrations()), ...NEWER_MIGRATIONS];
  const holdTable = ["BEGIN", "LOCK TABLE orders IN ACCESS SHARE MODE"];
  await killWhileHeld(postgres, newer.main, holdTable);
  expect((await migrationStatus(postgres.url)).unknown).toEqual([]);
  // An old snapshot lets the first of the two through, and the index wait half built.
  const holdSnapshot = ["BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT FROM users"];
  await killWhileHeld(postgres, newer.main, holdSnapshot);
  expect((await migrationStatus(postgres.url)).unknown).toEqual(NEWER_MIGRATIONS.slice(0, 1));

  const rerun = startMigrate(postgres.url, newer.main);
  expect([await rerun.done, rerun.output()]).toEqual(["code 0", expect.any(String)]);
  const { unknown, applied } = await migrationStatus(postgres.url);
  expect([...applied, ...unknown]).toEqual(all);
  expect(await withClient(postgres.url, invalidIndexes)).toEqual([]);
});

test("F13: five starts at once migrate once", { timeout: TEST_WITHIN_MS }, async () => {
  await using postgres = await startPostgres();
  await withClient(postgres.url, (client) => client.query("CREATE DATABASE fresh"));
  const url = new URL("/fresh", postgres.url).href;
  const starts = Array.from({ length: STARTS }, () => startMigrate(url));
  expect(await Promise.all(starts.map((start) => start.done))).toEqual(starts.map(() => "code 0"));
  const lines = starts.flatMap((start) => start.output().split("\n"));
  const all = await listMigrations();
  expect(lines.filter((line) => all.includes(line)).toSorted()).toEqual(all);
  expect(await migrationStatus(url)).toEqual({ applied: all, pending: [], unknown: [] });
});

async function killWhileHeld(postgres: Postgres, main: string, statements: string[]): Promise<void> {
  await withClient(postgres.url, async (holder) => {
    for (const statement of statements) await holder.query(statement);
    const doomed = startMigrate(postgres.url, main);
    await until(() => doomed.output().includes("trying again"), doomed.output);
    doomed.kill();
    expect(await doomed.done).toBe("SIGKILL");
    await holder.query("COMMIT");
  });
}

/** Shoppers who order and look around, by turns at all the APIs that are given, until they are stopped. */
function startLoad(staff: Shopper, apis: Service[], product: number) {
  const state = { apis: [...apis], stopped: false, count: 0, slowestMs: 0, failed: [] as string[] };
  const note = (reply: Reply): void => {
    state.count += 1;
    state.slowestMs = Math.max(state.slowestMs, reply.ms);
    if (![200, 202].includes(reply.status)) state.failed.push(`${reply.status} ${reply.body}`);
  };
  const shop = async () => {
    for (let turn = 0; !state.stopped; turn += 1) {
      const api = state.apis[turn % state.apis.length]?.url ?? "";
      note(await orderOne(staff.at(api), product));
      note(await call(`${api}/api/v2/products/${product}`, "GET"));
      note(await staff.at(api).send("GET", "/api/v2/orders"));
    }
  };
  const shoppers = Array.from({ length: SHOPPERS }, shop);
  return {
    count: () => state.count,
    add: (api: Service) => state.apis.push(api),
    stop: async () => {
      state.stopped = true;
      await Promise.all(shoppers);
      return state;
    },
  };
}

async function invalidIndexes(client: pg.Client): Promise<unknown[]> {
  const text = "SELECT indexrelid::regclass::text AS name FROM pg_index WHERE NOT indisvalid";
  return (await client.query(text)).rows;
}
