import type pg from "pg";
import type { Config } from "./config.ts";
import { catalogueModule } from "./modules/catalogue/module.ts";
import { identityModule } from "./modules/identity/module.ts";
import { operationsModule } from "./modules/operations/module.ts";
import { ordersModule } from "./modules/orders/module.ts";
import { createMemoryCache } from "./platform/cache/memory.ts";
import { registerSearchMetrics } from "./platform/search/metrics.ts";
import { registerCacheMetrics } from "./platform/cache/metrics.ts";
import { createRedisCache } from "./platform/cache/redis.ts";
import { createTellingCache } from "./platform/cache/telling.ts";
import type { Context, Module, Work } from "./platform/context.ts";
import { idempotencyData } from "./platform/database/idempotency.ts";
import { createDatabase } from "./platform/database/database.ts";
import { createPool } from "./platform/database/pool.ts";
import type { Sweep } from "./platform/database/sweep.ts";
import { registerPoolGauges } from "./platform/database/pool-metrics.ts";
import { createReadiness } from "./platform/database/readiness.ts";
import { armFaults } from "./platform/faults/failpoint.ts";
import { plantMutant } from "./platform/faults/mutant.ts";
import { counterSweeps } from "./platform/http/counters.ts";
import { type OpenLimits, openLimits } from "./platform/http/open-limits.ts";
import { messagingChecks } from "./platform/messaging/checks.ts";
import { messagingJourney } from "./platform/messaging/journey.ts";
import { callTopics, createPostgresTransport } from "./platform/messaging/postgres-transport.ts";
import { messagingSweeps, retention } from "./platform/messaging/retention.ts";
import type { Transport } from "./platform/messaging/transport.ts";
import { createMailbox } from "./platform/mail/mailbox.ts";
import type { Mailer } from "./platform/mail/mailer.ts";
import { mailSending } from "./platform/mail/send-mail.ts";
import { createSmtpMailer } from "./platform/mail/smtp.ts";
import { mailData, mailJourney, mailSweeps } from "./platform/mail/stored-mails.ts";
import { openRedis } from "./platform/redis.ts";
import { type Engine, openEngine } from "./platform/search/engine.ts";
import type { Schedule } from "./platform/schedules/schedule.ts";
import { createPasswords } from "./platform/security/passwords.ts";
import { createRevocations } from "./platform/security/revocations.ts";
import { loadSecrets, signingKeysFile } from "./platform/security/secrets.ts";
import { createTokens } from "./platform/security/tokens.ts";
import { watchSigningKeys } from "./platform/security/watch-keys.ts";
import type { Log } from "./platform/telemetry/log.ts";
import { createMetrics, type Metrics } from "./platform/telemetry/metrics.ts";

export const modules: Module[] = [identityModule, catalogueModule, ordersModule, operationsModule];
export const invariants = [...modules.flatMap((module) => module.checks), ...messagingChecks];
const personalData = [...modules.flatMap((module) => module.personalData), mailData, idempotencyData];
const journeys = [messagingJourney, mailJourney, ...modules.flatMap((module) => module.journey ?? [])];
export const subscriptions = [mailSending, ...modules.flatMap((module) => module.subscriptions)];
const sweepsOf = ({ messaging }: Config): Sweep[] => [
  ...messagingSweeps(messaging),
  ...mailSweeps,
  ...counterSweeps,
  ...modules.flatMap((module) => module.sweeps),
];

export const schedules: Schedule[] = [retention(sweepsOf), ...modules.flatMap((module) => module.schedules ?? [])];

export type Process = {
  context: Context;
  pool: pg.Pool;
  limits: OpenLimits;
  metrics: Metrics;
  transport: Transport;
  checkDatabase(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Opens what a process works with, by its configuration; nothing of it listens or consumes yet.
 * @param work whose time limits its connections have, and what it is called in PostgreSQL
 */
export async function createProcess(config: Config, work: "api" | "worker", log: Log): Promise<Process> {
  if (config.databaseUrl === undefined) throw new Error("DATABASE_URL is not set: 'up' starts a PostgreSQL of its own");
  armFaults(config.faults);
  plantMutant(config.mutant);
  const secrets = await loadSecrets(config);
  const pool = createPool({ url: config.databaseUrl, max: config.databasePool, work, name: work, log });
  const db = createDatabase(pool);
  const readiness = createReadiness({ url: config.databaseUrl, name: work, log });
  const metrics = createMetrics();
  registerPoolGauges(metrics.registry, pool);
  const transport = createPostgresTransport({ pool, url: config.databaseUrl, log });
  const passwords = createPasswords();
  const tokens = await createTokens(secrets.signing_keys);
  const redis = config.redisUrl === undefined ? undefined : openRedis({ url: config.redisUrl, name: work, log });
  const { databaseUrl } = config;
  const limits = openLimits({ databaseUrl, redis, secret: secrets.token_secret, name: work, log });
  const telling = { pool, url: config.databaseUrl, log };
  const shared = config.cache === "redis" ? redis : undefined;
  const cache = shared === undefined ? createMemoryCache(telling) : createRedisCache({ ...telling, redis: shared });
  registerCacheMetrics(metrics.registry, cache);
  const searchEngine = engineOf(config, log);
  if (searchEngine !== undefined) registerSearchMetrics(metrics.registry, searchEngine);
  const context: Context = {
    config,
    log,
    db,
    tokens,
    passwords,
    tokenSecret: secrets.token_secret,
    limits: limits.guards,
    mailer: createMailer(config),
    redis,
    revocations: createRevocations({ redis, log }),
    personalData,
    journeys,
    cache,
    searchEngine,
    wake: transport.wake,
    listen: transport.listen,
  };
  const keysFile = signingKeysFile(config);
  const keys = keysFile === undefined ? undefined : watchSigningKeys(context, keysFile, secrets.signing_keys);
  return {
    context,
    pool,
    limits,
    metrics,
    transport,
    checkDatabase: () => readiness.check(),
    async close() {
      await keys?.stop();
      await transport.close();
      await readiness.close();
      await passwords.close();
      await limits.close();
      await context.mailer.close();
      await cache.close();
      await redis?.close();
      searchEngine?.close();
      await db.destroy();
    },
  };
}

export type FunctionProcess = {
  work: Work;
  /** resolves when nothing goes on in the background any more: a function that has answered is frozen */
  settled(): Promise<void>;
  close(): Promise<void>;
};

/**
 * Opens what a function works with: a small pool and what is configured beside the database. It keeps no keys, listens
 * to nothing, and writes no file.
 */
export function openFunction(config: Config, log: Log): FunctionProcess {
  const { databaseUrl: url, tokenSecret, redisUrl } = config;
  if (url === undefined) throw new Error("DATABASE_URL is not set");
  if (tokenSecret === undefined) throw new Error("TOKEN_SECRET is not set: links in mails are made from it");
  armFaults(config.faults);
  const pool = createPool({ url, max: config.databasePool, work: "worker", name: "function", log });
  const db = createDatabase(pool);
  const redis =
    config.cache === "redis" && redisUrl !== undefined
      ? openRedis({ url: redisUrl, name: "function", log })
      : undefined;
  const cache = redis === undefined ? createTellingCache({ pool, log }) : createRedisCache({ redis, pool, url, log });
  const mailer = createMailer(config);
  const searchEngine = engineOf(config, log);
  const calls = new Set<Promise<void>>();
  const wake = (topics: ReadonlySet<string>) => {
    const call = callTopics(pool, topics)
      .catch((error: unknown) => log.debug({ err: error }, "a wake-up was lost; whoever listens polls"))
      .finally(() => calls.delete(call));
    calls.add(call);
  };
  return {
    work: { config, log, db, wake, cache, tokenSecret, mailer, searchEngine },
    async settled() {
      await Promise.all(calls);
    },
    async close() {
      await mailer.close();
      await cache.close();
      await redis?.close();
      searchEngine?.close();
      await db.destroy();
    },
  };
}

function createMailer({ smtpUrl: url, mail, mailFrom: from }: Config): Mailer {
  return mail === "smtp" && url !== undefined ? createSmtpMailer({ url, from }) : createMailbox();
}

/** The engine that is configured for the searches, if there is one. */
export function engineOf({ search, elasticsearchUrl: url }: Config, log: Log): Engine | undefined {
  return search === "elasticsearch" && url !== undefined ? openEngine({ url, log }) : undefined;
}
