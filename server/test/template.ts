import { createHash, randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import pg from "pg";
import { applyNextSchema } from "./next-schema.ts";

/** Nothing whose name begins otherwise is ever created, changed or dropped by a test. */
const PREFIX = "shopfloor_test_";
const TEMPLATE_PREFIX = `${PREFIX}template_`;
const RUN_PREFIX = `${PREFIX}run_`;
const MIGRATIONS = path.resolve(import.meta.dirname, "../migrations");
/** Changes with the consumers that `migrate` registers. */
const CONSUMERS = path.resolve(import.meta.dirname, "../../asyncapi.json");
const CONNECT_TIMEOUT_MS = 10_000;
const HASH_LENGTH = 12;
const RUN_BYTES = 4;
const CLONE_BYTES = 5;
const MIN_SERVER_VERSION = 140_000;

/** What a test needs to make databases of its own: plain data, because it travels to the test processes. */
export type TestServer = {
  /** a database of the server in which CREATE DATABASE and DROP DATABASE are run */
  maintenanceUrl: string;
  template: string;
  /** begins the names of this run's databases, so that a later run can tell what a dead one left behind */
  runPrefix: string;
};

/**
 * Builds the template database of today's migrations and consumers, unless the server has it, and drops what dead runs
 * left.
 * @returns the server and `release`; until that is called, no other run takes this run's databases for left-overs
 */
export async function prepareTestServer(
  maintenanceUrl: string,
  { nextSchema = false }: { nextSchema?: boolean } = {},
): Promise<{ server: TestServer; release(): Promise<void> }> {
  const template = `${TEMPLATE_PREFIX}${await hashMigrations(nextSchema)}`;
  const runPrefix = `${RUN_PREFIX}${randomBytes(RUN_BYTES).toString("hex")}_`;
  const server = { maintenanceUrl, template, runPrefix };
  const client = await connect(maintenanceUrl);
  try {
    await refuseOldServer(client);
    // Locks of this session: they go with it, however the run ends, and so nobody has to guess whether it lives.
    await client.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [runPrefix]);
    await client.query("SELECT pg_advisory_lock_shared(hashtextextended($1, 0))", [template]);
    await client.query("SELECT pg_advisory_lock(hashtextextended($1, 0))", [`${template} build`]);
    await buildTemplate(client, server, nextSchema);
    await client.query("SELECT pg_advisory_unlock(hashtextextended($1, 0))", [`${template} build`]);
    await withClient(maintenanceUrl, sweep);
  } catch (error) {
    await client.end();
    throw error;
  }
  return { server, release: () => client.end() };
}

/** Creates a database with the template's tables and the rows that migrations insert; returns its URL. */
export async function createClone(server: TestServer): Promise<string> {
  const name = `${server.runPrefix}${randomBytes(CLONE_BYTES).toString("hex")}`;
  await withClient(server.maintenanceUrl, (client) =>
    client.query(`CREATE DATABASE ${name} TEMPLATE ${server.template}`),
  );
  return urlOf(server.maintenanceUrl, name);
}

/** Drops a database that `createClone` made, together with the connections that a test left open. */
export async function dropClone(server: TestServer, url: string): Promise<void> {
  const name = new URL(url).pathname.slice(1);
  await withClient(server.maintenanceUrl, (client) => drop(client, name));
}

/** The URL of another database on the same server. */
export function urlOf(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ version: number; text: string }>(
    "SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS text",
  );
  const [found] = rows;
  if (found === undefined || found.version < MIN_SERVER_VERSION) {
    throw new Error(`tests need PostgreSQL 14 or newer, this server is ${found?.text ?? "unknown"}`);
  }
}

async function hashMigrations(nextSchema: boolean): Promise<string> {
  const hash = createHash("sha256").update(nextSchema ? applyNextSchema.toString() : "");
  const files = await readdir(MIGRATIONS);
  for (const file of files.toSorted()) hash.update(file).update(await readFile(path.join(MIGRATIONS, file)));
  hash.update(await readFile(CONSUMERS));
  return hash.digest("hex").slice(0, HASH_LENGTH);
}

async function buildTemplate(
  client: pg.Client,
  { maintenanceUrl, template }: TestServer,
  nextSchema: boolean,
): Promise<void> {
  const { rows } = await client.query<{ finished: boolean }>(
    "SELECT datistemplate AS finished FROM pg_database WHERE datname = $1",
    [template],
  );
  if (rows[0]?.finished === true) return;
  // A run that died while building has left half a template.
  await drop(client, template);
  await client.query(`CREATE DATABASE ${template} TEMPLATE template0 ENCODING 'UTF8'`);
  // Loaded only here: most runs find the template built, and the whole server is much to load.
  const { migrateDatabase } = await import("#src/app.ts");
  await migrateDatabase(urlOf(maintenanceUrl, template));
  if (nextSchema) await withClient(urlOf(maintenanceUrl, template), applyNextSchema);
  // A single connection to the template would make every clone fail, so none is allowed from here on.
  await client.query(`ALTER DATABASE ${template} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false`);
}

/**
 * Drops databases of runs that are gone, and templates of other migrations that nobody uses. It needs a session of its
 * own: the session that holds a lock would be granted it once more, and would drop what it is using.
 */
async function sweep(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string; owner: string }>(
    `SELECT datname AS name, coalesce(substring(datname from $1), datname) AS owner
     FROM pg_database WHERE datname ~ $1 OR datname ~ $2`,
    [`^(${RUN_PREFIX}[0-9a-f]{${RUN_BYTES * 2}}_)[0-9a-f]+$`, `^${TEMPLATE_PREFIX}[0-9a-f]{${HASH_LENGTH}}$`],
  );
  for (const { name, owner } of rows) {
    const locked = await client.query<{ ours: boolean }>(
      "SELECT pg_try_advisory_lock(hashtextextended($1, 0)) AS ours",
      [owner],
    );
    if (locked.rows[0]?.ours !== true) continue;
    await drop(client, name);
    await client.query("SELECT pg_advisory_unlock(hashtextextended($1, 0))", [owner]);
  }
}

async function drop(client: pg.Client, name: string): Promise<void> {
  if (!name.startsWith(PREFIX)) throw new Error(`${name} is no test database: it is not dropped`);
  const { rows } = await client.query<{ template: boolean }>(
    "SELECT datistemplate AS template FROM pg_database WHERE datname = $1",
    [name],
  );
  if (rows[0]?.template === true) await client.query(`ALTER DATABASE ${name} WITH IS_TEMPLATE false`);
  await client.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await connect(url);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "shopfloor tests",
  });
  // A server that goes away under an idle client would otherwise end the process; the next query reports it.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}
