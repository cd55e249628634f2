import { afterAll, beforeAll, describe } from "vitest";
import { hasRabbit, type RabbitServer, startRabbit } from "#test/rabbitmq-server.ts";
import { testEngine } from "./messaging.contract.ts";
import { openRabbitBroker } from "./brokers/rabbitmq.ts";

const START_LIMIT_MS = 120_000;

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
