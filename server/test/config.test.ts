import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ConfigError, readConfig } from "#src/config.ts";
import type { Environment } from "#src/settings.ts";
import { generateKeys, loadSecrets } from "#src/platform/security/secrets.ts";

const production = async (): Promise<Environment> => ({
  NODE_ENV: "production",
  DATABASE_URL: "postgres://shop:pw@db.internal:5432/shop",
  ...(await generateKeys()),
});

test("an empty environment is a development shop on loopback with everything generated", () => {
  expect(readConfig({}, "/srv")).toMatchObject({
    production: false,
    host: "127.0.0.1",
    port: 8000,
    publicUrl: "http://127.0.0.1:8000",
    dataDir: "/srv/.shopfloor",
    databaseUrl: undefined,
  });
});

test("all mistakes are told at once, each with the variable's name", () => {
  const wrong = {
    PORT: "eighty",
    DATABASE_POOL: "0",
    LOG_LEVEL: "loud",
    DATABASE_URL: "mysql://x",
    DEMO: "perhaps",
    MESSAGING: "pigeons",
    CACHE: "attic",
    FAULTS: "worker.after_claim=exit@3, nowhere=exit",
    MUTANT: "mule",
    TRUSTED_PROXIES: "10.0.0.0/8, 10.0.0.0/64, somewhere",
  };
  const mistakes = mistakesOf(wrong);
  expect(mistakes).toHaveLength(Object.keys(wrong).length);
  for (const name of Object.keys(wrong)) expect(mistakes.some((line) => line.startsWith(name))).toBe(true);
});

test("a search engine wants an address, and a prefix that it accepts in the names of indices", () => {
  const engine = { SEARCH: "elasticsearch", ELASTICSEARCH_URL: "http://127.0.0.1:9200" };
  expect(mistakesOf({ ...engine, ELASTICSEARCH_URL: "" })[0]).toContain("ELASTICSEARCH_URL is required with");
  expect(mistakesOf({ ...engine, ELASTICSEARCH_PREFIX: "My Shop" })[0]).toContain("ELASTICSEARCH_PREFIX=My Shop");
  expect(readConfig(engine, "/srv")).toMatchObject({ search: "elasticsearch", elasticsearchPrefix: "shopfloor" });
});

test("an engine that carries deliveries wants its address, and a worker that only relays wants such an engine", () => {
  expect(mistakesOf({ MESSAGING: "rabbitmq" })[0]).toContain("RABBITMQ_URL is required with");
  expect(mistakesOf({ MESSAGING: "redis" })[0]).toContain("REDIS_URL is required with");
  expect(mistakesOf({ MESSAGING: "sqs" })[0]).toContain("AWS_REGION is required with");
  expect(mistakesOf({ WORKER_CONSUMES: "false" })[0]).toContain("WORKER_CONSUMES=false");
  const sqs = { MESSAGING: "sqs", AWS_REGION: "eu-central-1", WORKER_CONSUMES: "false" };
  expect(mistakesOf({ ...sqs, SQS_QUEUE_PREFIX: "my.shop" })[0]).toContain("SQS_QUEUE_PREFIX=my.shop");
  expect(readConfig(sqs, "/srv")).toMatchObject({ messaging: "sqs", workerConsumes: false, relayPatienceMs: 60_000 });
});

test("failpoints are armed by name, action and hit, and what is none of these is refused", () => {
  const good = ["worker.after_claim=exit@3", "relay.before_notify=hang@2+", "worker.in_handler=delay:50"];
  expect(readConfig({ FAULTS: good.join(", "), MUTANT: "oversell" }, "/srv")).toMatchObject({
    faults: good,
    mutant: "oversell",
  });
  for (const bad of [
    "worker.after_claim",
    "worker.after_claim=exit@0",
    "worker.after_claim=delay",
    "relay.before_notify=duplicate",
  ]) {
    expect(mistakesOf({ FAULTS: bad })).toHaveLength(1);
  }
});

test("a mistake in an address with a password does not print the password", () => {
  expect(mistakesOf({ DATABASE_URL: "mysql://shop:hunter2@db/shop" }).join()).not.toContain("hunter2");
});

test("production wants a database and secrets of its own, and starts when it has them", async () => {
  expect(mistakesOf({ NODE_ENV: "production" }).map((line) => line.split(" ")[0])).toEqual([
    "DATABASE_URL",
    "SIGNING_KEYS",
    "TOKEN_SECRET",
  ]);
  expect(readConfig(await production(), "/srv")).toMatchObject({ production: true, rateLimitScale: 1 });
});

test("a process that issues no tokens is given no keys, in production either", async () => {
  const environment = { ...(await production()), SIGNING_KEYS: undefined };
  expect(readConfig(environment, "/srv", { signs: false })).toMatchObject({ signingKeys: undefined });
});

test.each([
  ["TOKEN_SECRET", "short"],
  ["TOKEN_SECRET", "please-change-me-please-change-me-please"],
  ["TOKEN_SECRET", "x".repeat(40)],
  ["METRICS_TOKEN", "0123456789"],
  ["DEMO", "1"],
  ["FAULTS", "worker.after_claim=exit"],
  ["MUTANT", "oversell"],
])("production refuses %s=%s", async (name, value) => {
  const mistakes = mistakesOf({ ...(await production()), [name]: value });
  expect(mistakes).toHaveLength(1);
  expect(mistakes[0]).toContain(name);
});

test("a secret may stand in a file, and not in both", async () => {
  await using folder = await scratch();
  const file = join(folder.path, "token");
  await writeFile(file, "from-a-file\n");
  expect(readConfig({ TOKEN_SECRET_FILE: file }, "/srv").tokenSecret).toBe("from-a-file");
  expect(mistakesOf({ TOKEN_SECRET_FILE: file, TOKEN_SECRET: "x" })[0]).toContain("keep one");
  expect(mistakesOf({ TOKEN_SECRET_FILE: join(folder.path, "none") })[0]).toContain("TOKEN_SECRET_FILE");
});

test("secrets are generated once, for their owner alone, also when ten processes ask at once", async () => {
  await using folder = await scratch();
  const config = readConfig({ DATA_DIR: join(folder.path, "data") }, "/");
  const secrets = await Promise.all(Array.from({ length: 10 }, () => loadSecrets(config)));
  for (const one of secrets) expect(one).toEqual(secrets[0]);
  const file = join(config.dataDir, "secrets.json");
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect((await loadSecrets(config)).token_secret).toBe(secrets[0]?.token_secret);
});

test.each(["", "{", "[]", '{"signing_keys": [{"kty": "RSA"}], "token_secret": "x"}'])(
  "a damaged secrets file is refused in one line and left as it is: %s",
  async (content) => {
    await using folder = await scratch();
    const file = join(folder.path, "secrets.json");
    await writeFile(file, content);
    await chmod(file, 0o600);
    await expect(loadSecrets(readConfig({ DATA_DIR: folder.path }, "/"))).rejects.toThrow("move it away");
    expect(await readFile(file, "utf8")).toBe(content);
  },
);

test("signing keys that are none are refused in one line", async () => {
  await using folder = await scratch();
  for (const SIGNING_KEYS of ["nonsense", "[]", '[{"kty":"OKP"}]']) {
    const config = readConfig({ DATA_DIR: folder.path, SIGNING_KEYS }, "/");
    await expect(loadSecrets(config)).rejects.toThrow("SIGNING_KEYS must be a JSON array");
  }
});

function mistakesOf(env: Environment): string[] {
  try {
    readConfig(env, "/srv");
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes;
    throw error;
  }
}

async function scratch() {
  const path = await mkdtemp(join(tmpdir(), "shopfloor-config-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}
