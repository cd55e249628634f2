import { afterAll, beforeAll, describe } from "vitest";
import { hasRabbit, type RabbitServer, startRabbit } from "#test/rabbitmq-server.ts";
import { ELASTICMQ_HOME, startElasticMq } from "#test/elasticmq-server.ts";
import { hasRedis, type RedisServer, startRedis } from "#test/redis-server.ts";
import { wanting } from "#test/search-engine.ts";
import { testEngine } from "./messaging.contract.ts";
import { openRabbitBroker } from "./brokers/rabbitmq.ts";
import { openRedisBroker } from "./brokers/redis.ts";
import { openSqsBroker } from "./brokers/sqs.ts";

const START_LIMIT_MS = 120_000;
/** After which a broker hands out again what nobody has acknowledged. */
const LEASE_MS = 1_000;

describe("on PostgreSQL", () => {
  testEngine({ name: "PostgreSQL", open: async () => undefined });
});

const brings = hasRabbit ? "" : " (scripts/services/start rabbitmq brings it)";
describe.skipIf(!hasRabbit)(`on RabbitMQ${brings}`, () => {
  let server: RabbitServer | undefined;
  beforeAll(async () => void (server = await startRabbit()), START_LIMIT_MS);
  afterAll(async () => await server?.[Symbol.asyncDispose]());
  testEngine({
    name: "RabbitMQ",
    open: async (log) => openRabbitBroker({ url: server?.url ?? "", log, onReturned: () => undefined }),
    server: { kill: async () => await server?.kill(), start: async () => await server?.start() },
  });
});

const bringsRedis = hasRedis ? "" : " (scripts/services/start redis brings it)";
describe.skipIf(!hasRedis)(`on Redis Streams${bringsRedis}`, () => {
  let server: RedisServer | undefined;
  beforeAll(async () => void (server = await startRedis()), START_LIMIT_MS);
  afterAll(async () => await server?.[Symbol.asyncDispose]());
  testEngine({
    name: "Redis Streams",
    open: async (log) => openRedisBroker({ url: server?.url ?? "", log, leaseMs: LEASE_MS }),
    server: { kill: async () => await server?.kill(), start: async () => await server?.start() },
  });
});

const bringsSqs = ELASTICMQ_HOME === undefined ? ` (${wanting("elasticmq")})` : "";
describe.skipIf(ELASTICMQ_HOME === undefined)(`on SQS${bringsSqs}`, () => {
  let server: Awaited<ReturnType<typeof startElasticMq>> | undefined;
  beforeAll(async () => void (server = await startElasticMq(ELASTICMQ_HOME ?? "")), START_LIMIT_MS);
  afterAll(async () => await server?.[Symbol.asyncDispose]());
  const options = { region: "eu-central-1", queuePrefix: "contract", leaseMs: LEASE_MS };
  testEngine({
    name: "SQS",
    open: async (log) => openSqsBroker({ endpoint: server?.url, ...options, log }),
    server: { kill: async () => await server?.signal("SIGKILL"), start: async () => await server?.start() },
  });
});
