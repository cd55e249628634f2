import { once } from "node:events";
import { access, constants } from "node:fs/promises";
import path from "node:path";
import { setTimeout as rest } from "node:timers/promises";
import type { Config } from "#src/config.ts";
import { findIndices, indexNames } from "#src/modules/catalogue/search/elasticsearch-aliases.ts";
import { migrationStatus } from "#src/platform/database/migrate.ts";
import { createSmtpMailer } from "#src/platform/mail/smtp.ts";
import type { Broker } from "#src/platform/messaging/broker.ts";
import { openBroker } from "#src/platform/messaging/brokers/open-broker.ts";
import { isMistake, mistake } from "#src/platform/mistake.ts";
import { findRunningPostgres } from "#src/platform/postgres/embedded.ts";
import { findPlace } from "#src/platform/postgres/place.ts";
import { findSigningKeys, signingKeysFile } from "#src/platform/security/secrets.ts";
import { createTokens } from "#src/platform/security/tokens.ts";
import { within } from "#src/platform/deadline.ts";
import { openRedis } from "#src/platform/redis.ts";
import { openEngine } from "#src/platform/search/engine.ts";
import { findClaim } from "#src/platform/supervisor/claim.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { probeDatabase, withoutPassword } from "./database.ts";
import { loadConfig } from "./environment.ts";
import { requirePort } from "./ports.ts";

const OLDEST_NODE = 24;
const REDIS_WAIT_MS = 2_000;
const BROKER_WAIT_MS = 3_000;
const BROKER_LOOK_EVERY_MS = 100;
const NAME_WIDTH = 20;

/** A check says what it found; it throws what is wrong with the way out. */
type Check = { name: string; run(): Promise<string> };

/** Prints the effective configuration and what is wrong here; the exit code is 1 when something is. */
export async function doctor(): Promise<void> {
  const config = loadConfig();
  console.log("Configuration (environment over .env over defaults)");
  for (const [name, value] of Object.entries(masked(config))) console.log(`  ${name.padEnd(NAME_WIDTH)}${value}`);
  console.log("Checks");
  let problems = 0;
  for (const check of checksOf(config)) {
    const found = await check.run().catch((error: unknown) => error);
    if (typeof found !== "string") problems += 1;
    const text = typeof found === "string" ? `ok   ${found}` : `BAD  ${reasonOf(found)}`;
    console.log(`  ${check.name.padEnd(NAME_WIDTH)}${text}`);
  }
  console.log(problems === 0 ? "Nothing is wrong." : `${problems} to mend.`);
  process.exitCode = problems === 0 ? 0 : 1;
}

/** The configuration as it may be shown: of a secret only that there is one. */
export function masked(config: Config): Record<string, string> {
  const secrets = ["metricsToken", "signingKeys", "tokenSecret"];
  const show = (name: string, value: Config[keyof Config]): string => {
    if (value === undefined) return "(not set)";
    if (secrets.includes(name)) return "***";
    if (name.endsWith("Url") && typeof value === "string") return withoutPassword(value);
    return Array.isArray(value) ? value.join(", ") || "(none)" : String(value);
  };
  return Object.fromEntries(
    Object.entries<Config[keyof Config]>(config).map(([name, value]) => [name, show(name, value)]),
  );
}

function checksOf(config: Config): Check[] {
  return [
    { name: "Node.js", run: checkNode },
    { name: "data folder", run: () => checkFolder(config) },
    { name: "port", run: () => checkPort(config) },
    { name: "public address", run: () => checkAddress(config) },
    { name: "database", run: () => checkDatabase(config) },
    { name: "signing keys", run: () => checkKeys(config) },
    { name: "mail", run: () => checkMail(config) },
    { name: "Redis", run: () => checkRedis(config) },
    { name: "messaging", run: () => checkMessaging(config) },
    { name: "search", run: () => checkSearch(config) },
  ];
}

async function checkNode(): Promise<string> {
  const major = Number(process.versions.node.split(".")[0]);
  if (major >= OLDEST_NODE) return process.version;
  throw mistake(`${process.version} is too old: start with scripts/node, which uses the one of the project`);
}

async function checkFolder(config: Config): Promise<string> {
  const place = await findPlace(config.dataDir);
  const nearest = await nearestFolder(config.dataDir);
  await access(nearest, constants.W_OK).catch((error: unknown) => {
    throw mistake(`${nearest} cannot be written: change its owner or choose another DATA_DIR`, error);
  });
  if (config.databaseUrl !== undefined) return config.dataDir;
  return place === undefined ? `${config.dataDir}, no database in it yet` : `PostgreSQL's files in ${place.cluster}`;
}

async function nearestFolder(folder: string): Promise<string> {
  const exists = await access(folder).then(
    () => true,
    () => false,
  );
  return exists || path.dirname(folder) === folder ? folder : await nearestFolder(path.dirname(folder));
}

async function checkPort(config: Config): Promise<string> {
  const claim = await findClaim(config.dataDir);
  if (claim !== undefined && claim !== "stale") return `'up' runs here (pid ${claim.pid}) at ${claim.url}`;
  if (config.port === 0) return "any free one";
  const wanted = { host: config.host, port: config.port, variable: "PORT", wayOut: "PORT=8080 make run" };
  await requirePort(wanted, false);
  return `${config.port} is free`;
}

// Browsers take a Secure cookie by http from the machine itself at most; anywhere else they drop it without a word.
const LOOPBACK_HOST = /^(localhost|.+\.localhost|127(\.\d+){3}|\[::1\])$/;

async function checkAddress({ publicUrl }: Config): Promise<string> {
  const { protocol, hostname } = new URL(publicUrl);
  if (protocol === "https:" || LOOPBACK_HOST.test(hostname)) return publicUrl;
  throw mistake(
    `PUBLIC_URL=${publicUrl}: browsers keep the refresh cookie by https only, so people are logged out every 15 minutes`,
  );
}

async function checkDatabase(config: Config): Promise<string> {
  const url = config.databaseUrl ?? (await findRunningPostgres(config.dataDir))?.url;
  if (url === undefined) return "the embedded one does not run; 'up' starts it";
  const version = await probeDatabase(url);
  const { applied, pending } = await migrationStatus(url);
  if (pending.length === 0) return `PostgreSQL ${version}, ${applied.length} migrations applied`;
  throw mistake(`PostgreSQL ${version}, pending: ${pending.join(", ")}; 'shopfloor migrate' applies them`);
}

async function checkMail({ mail, smtpUrl: url, mailFrom: from, production }: Config): Promise<string> {
  if (mail === "mailbox" || url === undefined) {
    if (production)
      throw mistake("MAIL=mailbox: nobody gets a mail, and so nobody a new password; set MAIL=smtp and SMTP_URL");
    return "kept in a table, for the staff at /api/v1/operations/mails";
  }
  const mailer = createSmtpMailer({ url, from });
  const { host } = new URL(url);
  try {
    await mailer.check();
    return `goes out by ${host}`;
  } catch (error) {
    throw mistake(`${host}: ${error instanceof Error ? error.message : String(error)}; see SMTP_URL`, error);
  } finally {
    await mailer.close();
  }
}

async function checkKeys(config: Config): Promise<string> {
  const file = signingKeysFile(config);
  const isThere =
    file === undefined ||
    (await access(file).then(
      () => true,
      () => false,
    ));
  if (!isThere && config.signingKeysFile === undefined) return "none yet, the first start makes one";
  const keys = await findSigningKeys(config);
  await createTokens(keys);
  const [first] = keys;
  return keys.length === 1 ? `one, ${first?.kid}` : `${keys.length}, a rotation is under way: see 'rotate-keys'`;
}

async function checkRedis({ redisUrl: url }: Config): Promise<string> {
  if (url === undefined) return "not used";
  const redis = openRedis({ url, name: "doctor", log: createLog({ logLevel: "silent", process: "doctor" }) });
  try {
    await within(once(redis.client, "ready"), REDIS_WAIT_MS);
    await within(redis.check(), REDIS_WAIT_MS);
    return withoutPassword(url);
  } catch (error) {
    throw mistake(`no Redis answers at ${withoutPassword(url)}: start it, or leave REDIS_URL and CACHE empty`, error);
  } finally {
    await redis.close();
  }
}

async function checkMessaging(config: Config): Promise<string> {
  const log = createLog({ logLevel: "silent", process: "doctor" });
  const broker = await openBroker({ config, log, onReturned: () => undefined });
  if (broker === undefined) return "PostgreSQL carries the messages";
  try {
    await answering(broker);
    return `${config.messaging} answers`;
  } catch (error) {
    const wayOut = "orders are accepted and wait for it; start it, check its address, or use MESSAGING=postgres";
    throw mistake(`${config.messaging} does not answer: ${wayOut}`, error);
  } finally {
    await broker.close();
  }
}

/** A connection that was just asked for is not there yet. */
async function answering(broker: Broker): Promise<void> {
  const deadline = performance.now() + BROKER_WAIT_MS;
  for (;;) {
    try {
      return await within(broker.check(), BROKER_WAIT_MS);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await rest(BROKER_LOOK_EVERY_MS);
    }
  }
}

async function checkSearch({ search, elasticsearchUrl: url, elasticsearchPrefix }: Config): Promise<string> {
  if (search === "postgres" || url === undefined) return "PostgreSQL answers";
  const engine = openEngine({ url, log: createLog({ logLevel: "silent", process: "doctor" }) });
  try {
    await engine.check();
    const { current } = await findIndices(engine, indexNames(elasticsearchPrefix));
    return current === undefined ? "the engine answers; a worker will build its index" : `the engine has ${current}`;
  } catch (error) {
    const wayOut = "PostgreSQL answers in its place; start it, or check ELASTICSEARCH_URL";
    throw mistake(`no search engine answers at ${withoutPassword(url)}: ${wayOut}`, error);
  } finally {
    engine.close();
  }
}

function reasonOf(error: unknown): string {
  if (isMistake(error)) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
