import path from "node:path";
import { type Environment, settingsReader } from "./settings.ts";

export type LogLevel = (typeof LOG_LEVELS)[number];
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** `postgres` needs nothing else; the others are servers between the database and the workers. */
const MESSAGING_ENGINES = ["postgres", "rabbitmq", "redis", "sqs"] as const;
export type MessagingEngine = (typeof MESSAGING_ENGINES)[number];

/** Where a test may let a process die, hang, fail, wait or work twice; `FAULTS` arms them. */
const FAILPOINTS = [
  "transaction.before_commit",
  "transaction.after_commit",
  "relay.before_notify",
  "relay.before_publish",
  "relay.after_publish",
  "relay.after_mark",
  "consumer.before_ack",
  "worker.after_claim",
  "worker.in_handler",
  "worker.before_handled",
  "worker.at_renewal",
  "schedule.before_noted",
] as const;
export type Failpoint = (typeof FAILPOINTS)[number];
const FAULT = /^(?<name>[\w.]+)=(?:exit|hang|throw|delay:\d{1,6}|duplicate)(?:@[1-9]\d{0,5}\+?)?$/;
/** The one place where work can be handed over twice. */
const DUPLICATING: Failpoint = "worker.after_claim";

/** Defective copies of this server, by which the tests of faults prove that they notice; `MUTANT` names one. */
const MUTANTS = [
  "ack_before_commit",
  "no_deduplication",
  "dual_write",
  "oversell",
  "no_idempotency",
  "release_twice",
  "stuck_pending",
  "price_not_fixed",
  "foreign_order_visible",
  "release_lost_on_cancel",
  "journey_without_failures",
  "relay_marks_before_confirm",
  "nack_without_limit",
  "mail_twice",
  "expiry_races_payment",
] as const;
export type Mutant = (typeof MUTANTS)[number];

/** Everything that the environment decides, read once. Times in milliseconds unless the name says otherwise. */
export type Config = {
  production: boolean;
  host: string;
  port: number;
  publicUrl: string;
  dataDir: string;
  /** absent: the embedded PostgreSQL that `up` starts in `dataDir` */
  databaseUrl: string | undefined;
  databasePool: number;
  /** what carries deliveries to the consumers; what is owed to whom is in PostgreSQL whatever the engine */
  messaging: MessagingEngine;
  rabbitmqUrl: string | undefined;
  /** absent: Amazon's own */
  sqsEndpoint: string | undefined;
  awsRegion: string | undefined;
  /** what the names of our queues there begin with: several shops can share an account */
  sqsQueuePrefix: string;
  /** how long a delivery may be at a broker before it is sent once more; doubled each time */
  relayPatienceMs: number;
  /** false: this worker relays, sweeps and keeps schedules, and something else consumes, as functions do */
  workerConsumes: boolean;
  /** absent: what Redis would hold is in PostgreSQL, or in each process's memory */
  redisUrl: string | undefined;
  /** where bodies of items are kept: in each process, or in Redis for all of them */
  cache: "memory" | "redis";
  /** which engine answers searches; with `elasticsearch`, PostgreSQL stands in while it is away */
  search: "postgres" | "elasticsearch";
  /** an Elasticsearch or an OpenSearch; may carry a user and password */
  elasticsearchUrl: string | undefined;
  /** what the names of our indices there begin with: several shops can share an engine */
  elasticsearchPrefix: string;
  /** `mailbox` keeps mails in a table that the staff can read; `smtp` sends them */
  mail: "mailbox" | "smtp";
  smtpUrl: string | undefined;
  mailFrom: string;
  logLevel: LogLevel;
  metricsToken: string | undefined;
  metricsPort: number;
  trustedProxies: string[];
  rateLimitScale: number;
  leaseMs: number;
  /** the longest that one stream of an order's events lasts; clients come again */
  orderStreamSeconds: number;
  /** how long a reserved order is kept for its buyer without being paid */
  reservationSeconds: number;
  /** how long a spent refresh token may be sent again, by a client that lost the answer; 0: never */
  refreshGraceSeconds: number;
  /** Ed25519 private keys as a JSON array of JWKs, the signing one first; absent: generated into `dataDir` */
  signingKeys: string | undefined;
  /** where they were read from; a change of this file counts without a restart */
  signingKeysFile: string | undefined;
  tokenSecret: string | undefined;
  demo: boolean;
  /** armed failpoints, as `worker.after_claim=exit@3`; for tests */
  faults: string[];
  /** the defect that this process has on purpose; for tests */
  mutant: Mutant | undefined;
};

/** All mistakes of an environment at once: one line each, with the variable's name and the way out. */
export class ConfigError extends Error {
  readonly mistakes: string[];
  constructor(mistakes: string[]) {
    super(
      `The configuration has ${mistakes.length === 1 ? "a mistake" : `${mistakes.length} mistakes`}:\n${mistakes.map((line) => `  - ${line}`).join("\n")}`,
    );
    this.mistakes = mistakes;
  }
}

/** What an engine accepts as the beginning of an index's name. */
const INDEX_PREFIX = /^[a-z0-9][a-z0-9-]{0,59}$/;
/** What SQS accepts in the name of a queue, of which 80 characters are for prefix and consumer together. */
const QUEUE_PREFIX = /^[A-Za-z0-9_-]{1,30}$/;
const MIN_SECRET_LENGTH = 32;
const PLACEHOLDER = /change.?me|secret|password|example|placeholder|default|admin|guest|(.)\1{7}/i;

/**
 * Reads and checks the environment.
 * @param env usually `process.env`; an empty value counts as absent
 * @param root the folder that a relative `DATA_DIR` starts from
 * @param options.signs false for a process that neither issues nor checks tokens, and so is given no keys
 * @throws ConfigError with every mistake found, not only the first
 */
export function readConfig(env: Environment, root: string, { signs = true }: { signs?: boolean } = {}): Config {
  const mistakes: string[] = [];
  const read = settingsReader(env, mistakes);
  const production =
    read.oneOf("NODE_ENV", ["development", "test", "production"] as const, "development") === "production";
  const host = read.text("HOST") ?? "127.0.0.1";
  const port = read.integer("PORT", 8000, 0, 65_535);
  const config: Config = {
    production,
    host,
    port,
    publicUrl:
      read.url("PUBLIC_URL", ["http:", "https:"]) ?? `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`,
    dataDir: path.resolve(root, read.text("DATA_DIR") ?? ".shopfloor"),
    databaseUrl: read.url("DATABASE_URL", ["postgres:", "postgresql:"]),
    databasePool: read.integer("DATABASE_POOL", 10, 1, 200),
    messaging: read.oneOf("MESSAGING", MESSAGING_ENGINES, "postgres"),
    rabbitmqUrl: read.url("RABBITMQ_URL", ["amqp:", "amqps:"]),
    sqsEndpoint: read.url("SQS_ENDPOINT", ["http:", "https:"]),
    awsRegion: read.text("AWS_REGION"),
    sqsQueuePrefix: read.text("SQS_QUEUE_PREFIX") ?? "shopfloor",
    relayPatienceMs: read.integer("RELAY_PATIENCE_MS", 60_000, 100, 3_600_000),
    workerConsumes: read.flag("WORKER_CONSUMES", true),
    redisUrl: read.url("REDIS_URL", ["redis:", "rediss:"]),
    cache: read.oneOf("CACHE", ["memory", "redis"] as const, "memory"),
    search: read.oneOf("SEARCH", ["postgres", "elasticsearch"] as const, "postgres"),
    elasticsearchUrl: read.url("ELASTICSEARCH_URL", ["http:", "https:"]),
    elasticsearchPrefix: read.text("ELASTICSEARCH_PREFIX") ?? "shopfloor",
    mail: read.oneOf("MAIL", ["mailbox", "smtp"] as const, "mailbox"),
    smtpUrl: read.url("SMTP_URL", ["smtp:", "smtps:"]),
    mailFrom: read.text("MAIL_FROM") ?? "Shopfloor <shopfloor@localhost>",
    logLevel: read.oneOf("LOG_LEVEL", LOG_LEVELS, "info"),
    metricsToken: read.secret("METRICS_TOKEN"),
    metricsPort: read.integer("METRICS_PORT", 9465, 0, 65_535),
    trustedProxies: read.addresses("TRUSTED_PROXIES"),
    rateLimitScale: read.integer("RATE_LIMIT_SCALE", production ? 1 : 100, 1, 1_000_000),
    leaseMs: read.integer("LEASE_MS", 30_000, 100, 3_600_000),
    reservationSeconds: read.integer("RESERVATION_SECONDS", 900, 1, 2_592_000),
    orderStreamSeconds: read.integer("ORDER_STREAM_SECONDS", 1_800, 1, 86_400),
    refreshGraceSeconds: read.integer("REFRESH_GRACE_SECONDS", 10, 0, 60),
    signingKeys: read.secret("SIGNING_KEYS"),
    signingKeysFile: read.text("SIGNING_KEYS_FILE"),
    tokenSecret: read.secret("TOKEN_SECRET"),
    demo: read.flag("DEMO", false),
    faults: readFaults(read.text("FAULTS"), mistakes),
    mutant: read.choice("MUTANT", MUTANTS),
  };
  mistakes.push(...missingAddresses(config), ...contradictions(config));
  if (production) mistakes.push(...productionMistakes(config, env, signs));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return config;
}

function contradictions(config: Config): string[] {
  const mistakes: string[] = [];
  if (config.messaging === "postgres" && !config.workerConsumes)
    mistakes.push("WORKER_CONSUMES=false wants a broker as MESSAGING: on PostgreSQL only workers consume");
  if (!QUEUE_PREFIX.test(config.sqsQueuePrefix))
    mistakes.push(
      `SQS_QUEUE_PREFIX=${config.sqsQueuePrefix}: must be letters, digits, hyphens and underscores, 1 to 30`,
    );
  if (!INDEX_PREFIX.test(config.elasticsearchPrefix))
    mistakes.push(
      `ELASTICSEARCH_PREFIX=${config.elasticsearchPrefix}: must be small letters, digits and hyphens, 1 to 60`,
    );
  return mistakes;
}

/** What is chosen has to be somewhere. */
function missingAddresses(config: Config): string[] {
  const needs: [chosen: boolean, address: string | undefined, needed: string][] = [
    [
      config.messaging === "rabbitmq",
      config.rabbitmqUrl,
      "RABBITMQ_URL is required with MESSAGING=rabbitmq, for instance amqp://user:password@host:5672",
    ],
    [
      config.messaging === "redis",
      config.redisUrl,
      "REDIS_URL is required with MESSAGING=redis, for instance redis://127.0.0.1:6379",
    ],
    [
      config.messaging === "sqs",
      config.awsRegion,
      "AWS_REGION is required with MESSAGING=sqs, for instance eu-central-1",
    ],
    [
      config.cache === "redis",
      config.redisUrl,
      "REDIS_URL is required with CACHE=redis, for instance redis://127.0.0.1:6379",
    ],
    [
      config.mail === "smtp",
      config.smtpUrl,
      "SMTP_URL is required with MAIL=smtp, for instance smtp://user:password@host:587",
    ],
    [
      config.search === "elasticsearch",
      config.elasticsearchUrl,
      "ELASTICSEARCH_URL is required with SEARCH=elasticsearch, for instance http://host:9200",
    ],
  ];
  return needs.flatMap(([chosen, address, needed]) => (chosen && address === undefined ? [needed] : []));
}

function readFaults(text: string | undefined, mistakes: string[]): string[] {
  const settings = (text ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter(Boolean);
  for (const setting of settings) {
    const name = FAULT.exec(setting)?.groups?.["name"];
    const known = FAILPOINTS.some((failpoint) => failpoint === name);
    if (known && (!setting.includes("=duplicate") || name === DUPLICATING)) continue;
    mistakes.push(
      `FAULTS: '${setting}' is not <failpoint>=exit|hang|throw|delay:<ms>, or ${DUPLICATING}=duplicate, with @<hit> or @<hit>+ behind; failpoints are ${FAILPOINTS.join(", ")}`,
    );
  }
  return settings;
}

function productionMistakes(config: Config, env: Environment, signs: boolean): string[] {
  const mistakes: string[] = [];
  if (config.databaseUrl === undefined)
    mistakes.push("DATABASE_URL is required in production, for instance postgres://user:password@host:5432/shopfloor");
  if (config.demo)
    mistakes.push("DEMO is refused in production: it creates accounts with published passwords; unset it");
  for (const name of ["FAULTS", "MUTANT"]) {
    if (env[name]) mistakes.push(`${name} is refused in production: it plants defects for tests; unset it`);
  }
  if (signs && config.signingKeys === undefined)
    mistakes.push(
      "SIGNING_KEYS (or SIGNING_KEYS_FILE) is required in production; 'shopfloor generate-keys' prints a pair of values",
    );
  mistakes.push(
    ...weakSecret("TOKEN_SECRET", config.tokenSecret, true),
    ...weakSecret("METRICS_TOKEN", config.metricsToken, false),
  );
  return mistakes;
}

function weakSecret(name: string, value: string | undefined, required: boolean): string[] {
  if (value === undefined)
    return required
      ? [`${name} (or ${name}_FILE) is required in production; 'shopfloor generate-keys' prints one`]
      : [];
  if (value.length < MIN_SECRET_LENGTH)
    return [`${name} has ${value.length} characters; production wants at least ${MIN_SECRET_LENGTH}`];
  if (PLACEHOLDER.test(value))
    return [`${name} looks like a placeholder; 'shopfloor generate-keys' prints a random one`];
  return [];
}
