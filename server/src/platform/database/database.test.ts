import { sql } from "kysely";
import { expect, test } from "vitest";
import { createLog } from "#src/platform/telemetry/log.ts";
import { cloneDatabase } from "#test/database.ts";
import { createDatabase } from "./database.ts";
import { isUnavailable } from "./errors.ts";
import { createPool } from "./pool.ts";
import { named } from "./statement.ts";
import { transact } from "./transact.ts";

test("a backend that dies inside a transaction fails that transaction only, and the process lives on", async () => {
  await using database = await connect();
  const { db } = database;
  for (let kill = 0; kill < 20; kill += 1) {
    const doomed = db.transaction().execute(async (trx) => {
      const pid = await backendOf(trx);
      await sql`SELECT pg_terminate_backend(${pid})`.execute(db);
      await sql`SELECT 1`.execute(trx);
    });
    const error: unknown = await doomed.catch((reason: unknown) => reason);
    expect(isUnavailable(error)).toBe(true);
    expect((await sql<{ one: number }>`SELECT 1 AS one`.execute(db)).rows).toEqual([{ one: 1 }]);
  }
});

test("idle backends that all die are replaced without anybody noticing", async () => {
  await using database = await connect();
  await Promise.all([1, 2, 3].map(() => sql`SELECT pg_sleep(0.01)`.execute(database.db)));
  await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`.execute(database.db);
  const after = await Promise.allSettled([1, 2, 3].map(() => sql`SELECT 1`.execute(database.db)));
  const failed = after.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  expect(failed.filter((error) => !isUnavailable(error))).toEqual([]);
  expect((await sql<{ one: number }>`SELECT 1 AS one`.execute(database.db)).rows).toEqual([{ one: 1 }]);
});

test("a statement that takes too long is ended, and its session is not handed to the next one", async () => {
  await using database = await connect();
  const error: unknown = await sql`SELECT pg_sleep(30)`.execute(database.db).catch((reason: unknown) => reason);
  expect(isUnavailable(error)).toBe(true);
  expect((await sql<{ one: number }>`SELECT 1 AS one`.execute(database.db)).rows).toEqual([{ one: 1 }]);
});

test("when every connection is busy, waiting for one ends too", async () => {
  await using database = await connect(1);
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const holder = database.db.transaction().execute(() => gate);
  const error: unknown = await sql`SELECT 1`.execute(database.db).catch((reason: unknown) => reason);
  expect(isUnavailable(error)).toBe(true);
  open();
  await holder;
});

test("a named statement runs in the transaction it is given, and sees what that has written", async () => {
  await using database = await connect();
  const count = "SELECT count(*) AS n FROM users";
  const rolledBack = database.db.transaction().execute(async (trx) => {
    await trx.insertInto("users").values({ email: "a@b.c", full_name: "A", password_hash: "x" }).execute();
    expect(await named(trx, "count_users", count, [])).toEqual([{ n: 1 }]);
    throw new Error("never mind");
  });
  await expect(rolledBack).rejects.toThrow("never mind");
  expect(await named(database.db, "count_users", count, [])).toEqual([{ n: 0 }]);
});

test("times keep their microseconds and numbers beyond 32 bits stay numbers", async () => {
  await using database = await connect();
  const { rows } =
    await sql`SELECT timestamptz '2026-11-21 10:00:00.123456+02' AS time, 9007199254740991 AS number`.execute(
      database.db,
    );
  expect(rows).toEqual([{ time: "2026-11-21T08:00:00.123456Z", number: 9_007_199_254_740_991 }]);
});

test("a table that changes under a named statement costs nothing: it is prepared afresh", async () => {
  await using database = await connect(1);
  const select = () => named(database.db, "all_users", "SELECT * FROM users", []);
  await select();
  await sql`ALTER TABLE users ADD COLUMN extra text`.execute(database.db);
  expect(await select()).toEqual([]);
});

test("a table that changes under a transaction costs nothing: all of it runs again", async () => {
  await using database = await connect(3);
  const { db } = database;
  const context = { db, wake: () => undefined };
  const count = () => named<{ n: number }>(db, "users_count", "SELECT count(*) AS n FROM users", []);
  const person = { full_name: "A", password_hash: "x" };
  const register = (email: string) =>
    transact(context, async (trx) => {
      await trx
        .insertInto("users")
        .values({ ...person, email })
        .execute();
      return await named(trx, "whole_users", "SELECT * FROM users WHERE email = $1", [email]);
    });
  // Every session of the pool knows the statement, so that each of them would fail once.
  await Promise.all(["a", "b", "c"].map((name) => register(`${name}@example.org`)));
  await sql`ALTER TABLE users ADD COLUMN extra text`.execute(db);
  const again = await Promise.all(["d", "e", "f"].map((name) => register(`${name}@example.org`)));
  expect(again.map((rows) => rows.length)).toEqual([1, 1, 1]);
  expect(await count()).toEqual([{ n: 6 }]);
});

test.each(["40001", "40P01", "55P03", "57014", "25006", "53100", "57P03"])(
  "the database's refusal %s is one that passes, and no bug",
  async (state) => {
    await using database = await connect(1);
    const raise = sql`DO ${sql.lit(`BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '${state}'; END`)}`;
    const error: unknown = await raise.execute(database.db).catch((reason: unknown) => reason);
    expect(isUnavailable(error)).toBe(true);
  },
);

async function connect(max = 4) {
  const database = await cloneDatabase();
  const log = createLog({ logLevel: "silent", process: "test" });
  const db = createDatabase(createPool({ url: database.url, max, work: "api", name: "test", log }));
  return {
    db,
    async [Symbol.asyncDispose]() {
      await db.destroy();
      await database[Symbol.asyncDispose]();
    },
  };
}

async function backendOf(db: Parameters<typeof named>[0]): Promise<number> {
  const [row] = await named<{ pid: number }>(db, "own_pid", "SELECT pg_backend_pid() AS pid", []);
  return row?.pid ?? 0;
}
