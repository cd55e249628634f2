import pg from "pg";
import { expect, inject, test } from "vitest";
import { migrationStatus } from "#src/platform/database/migrate.ts";
import { cloneDatabase } from "./database.ts";
import { createClone, prepareTestServer, urlOf } from "./template.ts";

const PARALLEL_CLONES = 8;

test("a clone has every migration, no rows, and shares nothing with another clone", async () => {
  await using one = await cloneDatabase();
  await using other = await cloneDatabase();
  const user = "INSERT INTO users (email, full_name, password_hash) VALUES ('a@example.org', 'A', 'x')";
  await query(one.url, user);
  expect(await query(one.url, "SELECT email FROM users")).toEqual([{ email: "a@example.org" }]);
  expect(await query(other.url, "SELECT email FROM users")).toEqual([]);
  expect((await migrationStatus(one.url)).pending).toEqual([]);
});

test("clones can be made at the same time", async () => {
  await using clones = new AsyncDisposableStack();
  const made = await Promise.all(Array.from({ length: PARALLEL_CLONES }, () => cloneDatabase()));
  for (const clone of made) clones.use(clone);
  expect(new Set(made.map((clone) => clone.url)).size).toBe(PARALLEL_CLONES);
});

test("a clone goes at the end of its block, although a connection to it is open", async () => {
  const clone = await cloneDatabase();
  const client = new pg.Client(clone.url);
  client.on("error", () => undefined);
  await client.connect();
  await clone[Symbol.asyncDispose]();
  await expect(client.query("SELECT 1")).rejects.toThrow("onnection");
  await expect(query(clone.url, "SELECT 1")).rejects.toThrow("does not exist");
});

test("what a dead run left is dropped, what a living run uses is kept", async () => {
  const { maintenanceUrl } = inject("testServer");
  const dead = await prepareTestServer(maintenanceUrl);
  const left = await createClone(dead.server);
  const oldTemplate = `shopfloor_test_template_${"0".repeat(12)}`;
  await query(maintenanceUrl, `CREATE DATABASE ${oldTemplate} IS_TEMPLATE true`);
  await using mine = await cloneDatabase();

  const second = await prepareTestServer(maintenanceUrl);
  expect(await query(left, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
  await expect(query(urlOf(maintenanceUrl, oldTemplate), "SELECT 1")).rejects.toThrow("does not exist");
  await second.release();

  await dead.release();
  const third = await prepareTestServer(maintenanceUrl);
  await third.release();
  await expect(query(left, "SELECT 1")).rejects.toThrow("does not exist");
  expect(await query(mine.url, "SELECT 1 AS one")).toEqual([{ one: 1 }]);
});

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}
