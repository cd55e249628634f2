import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import path from "node:path";

export type LogLevel = (typeof LOG_LEVELS)[number];
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** Where a test may let a process die, hang, fail, wait or work twice; `FAULTS` arms them. */
const FAILPOINTS = [
  "transaction.before_commit",
  "transaction.after_commit",
  "relay.before_notify",
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
  messaging: "postgres";
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
  reservationMinutes: number;
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

export type Environment = Record<string, string | undefined>;

/** What an engine accepts as the beginning of an index's name. */
const INDEX_PREFIX = /^[a-z0-9][a-z0-9-]{0,59}$/;
const MIN_SECRET_LENGTH = 32;
const PLACEHOLDER = /change.?me|secret|password|example|placeholder|default|admin|guest|(.)\1{7}/i;

/**
 * Reads and checks the environment.
 * @param env usually `process.env`; an empty value counts as absent
 * @param root the folder that a relative `DATA_DIR` starts from
 * @throws ConfigError with every mistake found, not only the first
 */
export function readConfig(env: Environment, root: string): Config {
  const mistakes: string[] = [];
  const read = reader(env, mistakes);
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
    messaging: read.oneOf("MESSAGING", ["postgres"] as const, "postgres"),
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
    reservationMinutes: read.integer("RESERVATION_MINUTES", 15, 1, 43_200),
    orderStreamSeconds: read.integer("ORDER_STREAM_SECONDS", 1_800, 1, 86_400),
    refreshGraceSeconds: read.integer("REFRESH_GRACE_SECONDS", 10, 0, 60),
    signingKeys: read.secret("SIGNING_KEYS"),
    signingKeysFile: read.text("SIGNING_KEYS_FILE"),
    tokenSecret: read.secret("TOKEN_SECRET"),
    demo: read.flag("DEMO", false),
    faults: readFaults(read.text("FAULTS"), mistakes),
    mutant: read.choice("MUTANT", MUTANTS),
  };
  mistakes.push(...missingAddresses(config));
  if (!INDEX_PREFIX.test(config.elasticsearchPrefix))
    mistakes.push(
      `ELASTICSEARCH_PREFIX=${config.elasticsearchPrefix}: must be small letters, digits and hyphens, 1 to 60`,
    );
  if (production) mistakes.push(...productionMistakes(config, env));
  if (mistakes.length > 0) throw new ConfigError(mistakes);
  return config;
}

/** What is chosen has to be somewhere. */
function missingAddresses(config: Config): string[] {
  const mistakes: string[] = [];
  if (config.cache === "redis" && config.redisUrl === undefined)
    mistakes.push("REDIS_URL is required with CACHE=redis, for instance redis://127.0.0.1:6379");
  if (config.mail === "smtp" && config.smtpUrl === undefined)
    mistakes.push("SMTP_URL is required with MAIL=smtp, for instance smtp://user:password@host:587");
  if (config.search === "elasticsearch" && config.elasticsearchUrl === undefined)
    mistakes.push("ELASTICSEARCH_URL is required with SEARCH=elasticsearch, for instance http://host:9200");
  return mistakes;
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

function productionMistakes(config: Config, env: Environment): string[] {
  const mistakes: string[] = [];
  if (config.databaseUrl === undefined)
    mistakes.push("DATABASE_URL is required in production, for instance postgres://user:password@host:5432/shopfloor");
  if (config.demo)
    mistakes.push("DEMO is refused in production: it creates accounts with published passwords; unset it");
  for (const name of ["FAULTS", "MUTANT"]) {
    if (env[name]) mistakes.push(`${name} is refused in production: it plants defects for tests; unset it`);
  }
  if (config.signingKeys === undefined)
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

const NAMED_NETWORKS = ["loopback", "linklocal", "uniquelocal"];
const ADDRESS_BITS: Record<number, number> = { 4: 32, 6: 128 };

function isNetwork(part: string): boolean {
  const [address = "", bits, more] = part.split("/");
  const family = isIP(address);
  if (family === 0 || more !== undefined) return NAMED_NETWORKS.includes(part);
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (ADDRESS_BITS[family] ?? 0));
}

function reader(env: Environment, mistakes: string[]) {
  const text = (name: string) => env[name]?.trim() || undefined;
  return {
    text,
    integer(name: string, fallback: number, min: number, max: number): number {
      const value = text(name);
      if (value === undefined) return fallback;
      const parsed = Number(value);
      if (/^\d+$/.test(value) && parsed >= min && parsed <= max) return parsed;
      mistakes.push(`${name}=${value}: must be a whole number from ${min} to ${max}`);
      return fallback;
    },
    oneOf<const T extends readonly string[]>(name: string, allowed: T, fallback: T[number]): T[number] {
      const value = text(name);
      if (value === undefined || allowed.includes(value)) return value ?? fallback;
      mistakes.push(`${name}=${value}: must be ${allowed.length === 1 ? "" : "one of "}${allowed.join(", ")}`);
      return fallback;
    },
    choice<const T extends readonly string[]>(name: string, allowed: T): T[number] | undefined {
      const value = text(name);
      if (value === undefined || allowed.includes(value)) return value;
      mistakes.push(`${name}=${value}: must be one of ${allowed.join(", ")}, or unset`);
      return undefined;
    },
    flag(name: string, fallback: boolean): boolean {
      const value = text(name)?.toLowerCase();
      if (value === undefined) return fallback;
      if (value === "1" || value === "true") return true;
      if (value === "0" || value === "false") return false;
      mistakes.push(`${name}=${value}: must be 1 or 0`);
      return fallback;
    },
    url(name: string, protocols: string[]): string | undefined {
      const value = text(name);
      if (value === undefined) return undefined;
      // The value may hold a password, so the message shows the form that is wanted and not what was given.
      if (URL.canParse(value) && protocols.includes(new URL(value).protocol)) return value.replace(/\/$/, "");
      mistakes.push(
        `${name}: must be a URL that starts with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
      );
      return undefined;
    },
    addresses(name: string): string[] {
      const parts = (text(name) ?? "").split(",").map((part) => part.trim());
      const given = parts.filter((part) => part !== "");
      const wrong = given.filter((part) => !isNetwork(part));
      if (wrong.length > 0)
        mistakes.push(`${name}: ${wrong.join(", ")} is no address or network, as 10.0.0.0/8 or loopback`);
      return given;
    },
    secret(name: string): string | undefined {
      const file = text(`${name}_FILE`);
      if (file === undefined) return text(name);
      if (text(name) !== undefined) mistakes.push(`${name} and ${name}_FILE are both set: keep one`);
      try {
        return readFileSync(file, "utf8").trim() || undefined;
      } catch (error) {
        mistakes.push(`${name}_FILE=${file}: ${error instanceof Error ? error.message : String(error)}`);
        return undefined;
      }
    },
  };
}
