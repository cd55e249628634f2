import { createProcess, engineOf, invariants, modules, schedules, subscriptions } from "./composition.ts";
import type { Config } from "./config.ts";
import { createAuthenticator } from "./modules/identity/sessions/authenticate.ts";
import type { Context } from "./platform/context.ts";
import { type Finding, runChecks } from "./platform/database/check.ts";
import { createDatabase, type Trx } from "./platform/database/database.ts";
import { migrate, type MigrateOptions } from "./platform/database/migrate.ts";
import { createPool } from "./platform/database/pool.ts";
import type { App } from "./platform/http/app.ts";
import { drain } from "./platform/http/draining.ts";
import { createHttpServer } from "./platform/http/server.ts";
import { installAsyncApi } from "./platform/messaging/asyncapi.ts";
import { openBroker } from "./platform/messaging/brokers/open-broker.ts";
import { listEvents } from "./platform/messaging/event.ts";
import { createMessagingMetrics, registerQueueGauges } from "./platform/messaging/metrics.ts";
import { registerSubscriptions } from "./platform/messaging/publish.ts";
import { keepRegistering } from "./platform/messaging/registration.ts";
import { type Consumers, startConsumers } from "./platform/messaging/start-consumers.ts";
import { registerScheduleGauges } from "./platform/schedules/metrics.ts";
import { startScheduler } from "./platform/schedules/scheduler.ts";
import { registerSchedules } from "./platform/schedules/stored-schedules.ts";
import { createLog, type Log } from "./platform/telemetry/log.ts";
import { startStatusServer } from "./platform/telemetry/status-server.ts";
import type pg from "pg";

/** How long a worker that is asked to stop may finish what it has begun. */
const WORKER_DRAIN_MS = 8_000;

/** The API with all routes, not yet listening; `close` ends what it holds open. */
export async function buildApi(
  config: Config,
  log: Log,
): Promise<{ app: App; context: Context; pool: pg.Pool; close(): Promise<void> }> {
  const { context, pool, limits, metrics, checkDatabase, close } = await createProcess(config, "api", log);
  // Here as well as in the workers: they may all be away, and that is when somebody has to be told.
  registerQueueGauges(metrics.registry, context.db);
  registerScheduleGauges(metrics.registry, context.db);
  const authenticate = createAuthenticator(context);
  const { redis, cache, searchEngine } = context;
  const checks = {
    database: checkDatabase,
    ...(redis !== undefined && { redis: () => redis.check() }),
    ...(config.cache === "redis" && { cache: () => cache.check() }),
    ...(searchEngine !== undefined && { search: () => searchEngine.check() }),
  };
  const app = await createHttpServer({ config, log, metrics, authenticate, checks, limits: limits.traffic });
  for (const module of modules) await app.register(async (scope) => module.routes(scope, context));
  installAsyncApi(app, listEvents(), subscriptions);
  await app.ready();
  return {
    app,
    context,
    pool,
    async close() {
      await app.close();
      await close();
    },
  };
}

/** Starts the API on `config.host` and `config.port`; `close` drains it: new work is refused, begun work is finished. */
export async function startApi(
  config: Config,
  log: Log = createLog({ logLevel: config.logLevel, process: "api" }),
): Promise<{ url: string; close(): Promise<void> }> {
  const { app, close } = await buildApi(config, log);
  const url = await app.listen({ host: config.host, port: config.port });
  log.info({ url }, "listening");
  return {
    url,
    async close() {
      await drain(app);
      await close();
    },
  };
}

/**
 * Runs the consumers of all modules, with health and metrics on `config.metricsPort` of loopback.
 * Without a database it is alive and waits for it; `ready` resolves when the consumers have begun, or with `close`.
 */
export async function startWorker(
  config: Config,
  log: Log = createLog({ logLevel: config.logLevel, process: "worker" }),
): Promise<{ ready: Promise<void>; close(): Promise<void> }> {
  const { context, metrics, transport, checkDatabase, close } = await createProcess(config, "worker", log);
  registerQueueGauges(metrics.registry, context.db);
  registerScheduleGauges(metrics.registry, context.db);
  const messaging = createMessagingMetrics(metrics.registry);
  const { registry } = metrics;
  const broker = await openBroker({ config, log, onReturned: (consumer) => messaging.returned(consumer) });
  const { leaseMs, relayPatienceMs: patienceMs, workerConsumes } = config;
  const consuming = { ...context, transport, broker, leaseMs, patienceMs, workerConsumes, registry };
  const begun: { stop(): Promise<void> }[] = [];
  let consumers: Consumers | undefined;
  const check = async () => {
    if (consumers === undefined) throw new Error("the consumers are not registered yet");
    await checkDatabase();
    return await consumers.checkBroker().then(
      () => "ready" as const,
      () => "degraded" as const,
    );
  };
  const status = await startStatusServer({ port: config.metricsPort, registry: metrics.registry, check });
  log.info({ status: status.url }, "alive");
  const registration = keepRegistering(context, register);
  const ready = registration.done.then(async (registered) => {
    if (!registered) return;
    const started = await startConsumers({ ...consuming, metrics: messaging, work: context }, subscriptions);
    consumers = started;
    const beside = modules.flatMap((module) => module.background?.(context) ?? []);
    begun.push(startScheduler(context, schedules), ...beside, { stop: () => started.drain() });
    log.info({ consumers: subscriptions.map((one) => one.consumer) }, "working");
  });
  return {
    ready,
    async close() {
      registration.stop();
      const done = ready.then(() => Promise.all(begun.map((one) => one.stop())));
      await withDeadline(done, WORKER_DRAIN_MS, () =>
        log.warn("a handler did not end in time; its lease will run out"),
      );
      await status.close();
      await broker?.close();
      await close();
    },
  };
}

/** Applies what is pending (or takes it back) and tells the database which consumers and schedules there are. */
export async function migrateDatabase(
  databaseUrl: string,
  options: MigrateOptions = {},
): Promise<{ applied: string[] }> {
  const result = await migrate(databaseUrl, options);
  if (options.direction !== undefined && options.direction !== "up") return result;
  const log = createLog({ logLevel: "silent", process: "migrate" });
  const db = createDatabase(createPool({ url: databaseUrl, max: 1, work: "worker", name: "migrate", log }));
  try {
    await db.transaction().execute(register);
  } finally {
    await db.destroy();
  }
  return result;
}

/**
 * Runs every check of every module; see `Check`.
 * @param options.config when given, what it configures beside the database is compared with it too
 */
export async function verifyDatabase(
  databaseUrl: string,
  options: { repair?: boolean; onProgress?: (finding: Finding) => void; config?: Config } = {},
): Promise<Finding[]> {
  const log = createLog({ logLevel: "silent", process: "verify" });
  // One for the snapshot of all checks, and some for what is compared with the database and has no snapshot.
  const db = createDatabase(createPool({ url: databaseUrl, max: 3, work: "job", name: "verify", log }));
  const { config } = options;
  const searchEngine = config === undefined ? undefined : engineOf(config, log);
  try {
    const work = config === undefined ? undefined : { config, db, searchEngine };
    const outside = modules.flatMap((module) => (work && module.outsideChecks?.(work)) ?? []);
    return await runChecks(db, [...invariants, ...outside], options);
  } finally {
    searchEngine?.close();
    await db.destroy();
  }
}

async function register(trx: Trx): Promise<void> {
  await registerSubscriptions(trx, subscriptions);
  await registerSchedules(trx, schedules);
}

async function withDeadline(work: Promise<unknown>, deadlineMs: number, onLate: () => void): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      onLate();
      resolve();
    }, deadlineMs);
  });
  await Promise.race([work, late]);
  clearTimeout(timer);
}
