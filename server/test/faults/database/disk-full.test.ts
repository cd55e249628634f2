import { execFile } from "node:child_process";
import { mkdtemp, rm, stat, statfs, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import type pg from "pg";
import { expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { isAlive } from "#src/platform/processes.ts";
import { until } from "#test/until.ts";
import { figure } from "./figure.ts";
import { expectHonest } from "./honest.ts";
import { startPostgres, withClient } from "./postgres.ts";
import { startService } from "./service-process.ts";
import { addProduct, call, orderOne, signUp } from "./shopper.ts";

const run = promisify(execFile);
const DISK = "256m";
const LOG_DISK = "1m";
const ORDERS_AT_ONCE = 50;
const KEPT_FREE_BYTES = 2_000_000;
const LOG_MEGABYTES = 256;
const TEST_WITHIN_MS = 120_000;

const disk = await mountDisk(LOG_DISK).catch(() => undefined);
await disk?.[Symbol.asyncDispose]();

test.skipIf(disk === undefined)(
  "F9: a full disk under PostgreSQL stops the writes and no process, and nothing is corrupt afterwards",
  { timeout: TEST_WITHIN_MS },
  async () => {
    await using mounted = await mountDisk(DISK);
    const folder = mounted.path;
    await using postgres = await startPostgres(folder);
    const settings = { databaseUrl: postgres.url, env: { LEASE_MS: "1000" } };
    await using api = await startService("api", settings);
    await using worker = await startService("worker", settings);
    const staff = await signUp(api.url, postgres.url, "staff");
    const product = await addProduct(staff, 1_000_000);

    const filler = path.join(folder, "filler");
    const { bavail, bsize } = await statfs(folder);
    await writeFile(filler, Buffer.alloc(bavail * bsize - KEPT_FREE_BYTES));
    const acknowledged = new Map<string, number>();
    const order = async () => {
      const key = crypto.randomUUID();
      const reply = await orderOne(staff, product, key);
      if (reply.status === 202) acknowledged.set(key, (JSON.parse(reply.body) as { id: number }).id);
      return reply;
    };
    const refused = await until(async () => {
      const replies = await Promise.all(Array.from({ length: 50 }, order));
      return replies.find((reply) => reply.status !== 202);
    });
    expectHonest(refused);
    for (const { url } of [api, worker]) expect((await call(`${url}/healthz`, "GET")).status).toBe(200);
    expectHonest(await until(async () => [await order()].find((reply) => reply.status !== 202)));
    // Without room for its log of changes it has to give up: what is acknowledged by now must be there all the same.
    const said = await withClient(postgres.url, fillLog).then(
      () => "there was room",
      (error: unknown) => String(error),
    );
    expectHonest(await order());
    for (const { url } of [api, worker]) expect((await call(`${url}/healthz`, "GET")).status).toBe(200);

    await rm(filler);
    // `up` starts it again whenever it has ended itself.
    const healed = async () => {
      if (!(await isAlive(postgres.pid()))) await postgres.start();
      return (await order()).status === 202;
    };
    await until(healed, api.output);
    for (const [key, id] of acknowledged) {
      expect(JSON.parse((await orderOne(staff, product, key)).body)).toMatchObject({ id });
    }
    await until(async () => (await verifyDatabase(postgres.url)).every((one) => one.offending.length === 0));
    expect(await withClient(postgres.url, findCorruption)).toEqual([]);
    expect([api.ended(), worker.ended()]).toEqual([undefined, undefined]);
    figure(`F9: ${acknowledged.size} orders acknowledged, 0 lost; a full log of changes: ${said}`);
  },
);

test.skipIf(disk === undefined)(
  "F9: a full disk under the logs costs log lines and nothing else; with room again they are written on",
  { timeout: TEST_WITHIN_MS },
  async () => {
    await using mounted = await mountDisk(LOG_DISK);
    await using postgres = await startPostgres();
    const logFile = path.join(mounted.path, "log");
    const settings = { databaseUrl: postgres.url, logFile };
    await using api = await startService("api", settings);
    await using worker = await startService("worker", settings);
    const staff = await signUp(api.url, postgres.url, "staff");
    const product = await addProduct(staff, 1_000_000);
    const orders = async () => {
      const replies = await Promise.all(Array.from({ length: ORDERS_AT_ONCE }, () => orderOne(staff, product)));
      expect(replies.map((reply) => reply.status)).toEqual(replies.map(() => 202));
    };
    const filler = path.join(mounted.path, "filler");
    const { bavail, bsize } = await statfs(mounted.path);
    await writeFile(filler, Buffer.alloc(bavail * bsize));
    const { size: full } = await stat(logFile);
    for (let round = 0; round < 10; round += 1) await orders();
    for (const { url } of [api, worker]) expect((await call(`${url}/healthz`, "GET")).status).toBe(200);
    expect((await stat(logFile)).size - full).toBeLessThan(bsize);
    await until(async () => (await verifyDatabase(postgres.url)).every((one) => one.offending.length === 0));

    await rm(filler);
    await until(async () => {
      await orders();
      return (await stat(logFile)).size > full + bsize;
    });
    expect([api.ended(), worker.ended()]).toEqual([undefined, undefined]);
  },
);

async function fillLog(client: pg.Client): Promise<void> {
  for (let megabyte = 0; megabyte < LOG_MEGABYTES; megabyte += 1)
    await client.query("SELECT pg_logical_emit_message(false, 'filler', repeat('x', 1000000))");
}

/** What pg_amcheck looks at: every B-tree against its table, and every table whole. */
async function findCorruption(client: pg.Client): Promise<unknown[]> {
  await client.query("CREATE EXTENSION IF NOT EXISTS amcheck");
  const ours = "relnamespace = 'public'::regnamespace";
  const indexes = `SELECT bt_index_check(c.oid, true) FROM pg_class c JOIN pg_am a ON a.oid = c.relam
    WHERE ${ours} AND c.relkind = 'i' AND a.amname = 'btree'`;
  expect((await client.query(indexes)).rowCount).toBeGreaterThan(0);
  const tables = `SELECT c.relname, v.* FROM pg_class c CROSS JOIN LATERAL verify_heapam(c.oid) v
    WHERE ${ours} AND c.relkind = 'r'`;
  return (await client.query(tables)).rows;
}

/** A small disk of its own, which only root can make. */
async function mountDisk(size: string): Promise<{ path: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-disk-"));
  const remove = () => rm(folder, { recursive: true, force: true });
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${size},mode=755`, "tmpfs", folder]);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    path: folder,
    async [Symbol.asyncDispose]() {
      await run("umount", ["--lazy", folder]);
      await remove();
    },
  };
}
