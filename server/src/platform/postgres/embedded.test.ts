import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import pg from "pg";
import { expect, test } from "vitest";
import { type EmbeddedOptions, type EmbeddedPostgres, findRunningPostgres, startEmbeddedPostgres } from "./embedded.ts";

const PASSABLE = 0o755;

test("after a crash, committed rows and the port are there again, also when another program has the dead server's number", async () => {
  await using place = await createPlace();
  const first = await place.start({ fsync: true });
  await query(first, "CREATE TABLE kept AS SELECT generate_series(1, 1000) AS n");
  process.kill(first.pid, "SIGKILL");
  await first.gone;
  // As after a reboot of a container, where the same few numbers are given again.
  const lockFile = path.join(place.dataDir, "postgres", "postmaster.pid");
  const [, ...rest] = (await readFile(lockFile, "utf8")).split("\n");
  await writeFile(lockFile, [process.pid, ...rest].join("\n"));
  const second = await place.start({});
  expect({ adopted: second.adopted, url: second.url }).toEqual({ adopted: false, url: first.url });
  expect(await query(second, "SELECT count(*) FROM kept")).toEqual([{ count: "1000" }]);
});

test("three that start in one folder share one server", async () => {
  await using place = await createPlace();
  const servers = await Promise.all([place.start({}), place.start({}), place.start({})]);
  expect(new Set(servers.map((server) => server.url)).size).toBe(1);
  expect(servers.filter((server) => !server.adopted).length).toBe(1);
  expect(await findRunningPostgres(place.dataDir)).toEqual({ url: servers[0]?.url, pid: servers[0]?.pid });
  await servers[0]?.stop();
  expect(await findRunningPostgres(place.dataDir)).toBeUndefined();
});

test("a remembered port that somebody else has taken gives way; a wanted one is refused", async () => {
  await using place = await createPlace();
  const first = await place.start({});
  await first.stop();
  const squatter = createServer();
  await new Promise<void>((resolve) => squatter.listen(first.port, "127.0.0.1", resolve));
  await expect(place.start({ port: first.port })).rejects.toThrow(`port ${first.port} for PostgreSQL is taken`);
  const second = await place.start({});
  expect(second.port).not.toBe(first.port);
  await new Promise((resolve) => squatter.close(resolve));
});

test("settings are what they must be: loopback only, UTC, scram, checksums", async () => {
  await using place = await createPlace();
  const server = await place.start({ fsync: true });
  const names = [
    "listen_addresses",
    "unix_socket_directories",
    "timezone",
    "data_checksums",
    "fsync",
    "server_encoding",
  ];
  const rows = await query(server, `SELECT ${names.map((name) => `current_setting('${name}') AS ${name}`).join(", ")}`);
  expect(rows).toEqual([
    {
      listen_addresses: "127.0.0.1",
      unix_socket_directories: "",
      timezone: "UTC",
      data_checksums: "on",
      fsync: "on",
      server_encoding: "UTF8",
    },
  ]);
  const wrong = new URL(server.url);
  wrong.password = "wrong";
  await expect(query({ url: wrong.href }, "SELECT 1")).rejects.toThrow(/password authentication failed/);
});

type Place = AsyncDisposable & {
  dataDir: string;
  start(options: Partial<EmbeddedOptions>): Promise<EmbeddedPostgres>;
};

async function createPlace(): Promise<Place> {
  const dataDir = await mkdtemp(path.join(tmpdir(), "shopfloor-postgres-"));
  await chmod(dataDir, PASSABLE);
  const started: EmbeddedPostgres[] = [];
  return {
    dataDir,
    async start(options) {
      const server = await startEmbeddedPostgres({ dataDir, log: () => undefined, fsync: false, ...options });
      started.push(server);
      return server;
    },
    async [Symbol.asyncDispose]() {
      const running = await findRunningPostgres(dataDir);
      await started.find((server) => server.pid === running?.pid)?.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function query(server: { url: string }, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: server.url });
  client.on("error", () => undefined);
  try {
    await client.connect();
    return (await client.query<pg.QueryResultRow>(text)).rows;
  } finally {
    await client.end();
  }
}
