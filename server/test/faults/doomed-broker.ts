import type { MessagingEngine } from "#src/config.ts";
import { ELASTICMQ_HOME, startElasticMq } from "#test/elasticmq-server.ts";
import { hasRabbit, startRabbit } from "#test/rabbitmq-server.ts";
import { hasRedis, startRedis } from "#test/redis-server.ts";

/** A broker that is there to be killed. */
export type DoomedBroker = AsyncDisposable & {
  /** what leads a shop's processes to it */
  env: Record<string, string>;
  /** SIGKILL */
  kill(): Promise<void>;
  /** starts it again at the same place, and resolves when it answers */
  start(): Promise<void>;
};

/** Short, so that what a killed broker has lost comes again within a test. */
const RELAY_PATIENCE_MS = 500;

/**
 * Starts a broker of the caller's own.
 * @param keeps whether it has on disk what it was told, where it can do without: Redis; ElasticMQ never keeps anything
 * @returns undefined for PostgreSQL, which needs none
 * @throws Error with the command that brings what is missing
 */
export async function startDoomedBroker(engine: MessagingEngine, keeps: boolean): Promise<DoomedBroker | undefined> {
  const env = { MESSAGING: engine, RELAY_PATIENCE_MS: String(RELAY_PATIENCE_MS) };
  switch (engine) {
    case "postgres":
      return undefined;
    case "redis": {
      if (!hasRedis) throw new Error("there is no Redis; this brings it: scripts/services/start redis");
      const server = await startRedis({ keeps });
      return { ...server, env: { ...env, REDIS_URL: server.url } };
    }
    case "sqs": {
      if (ELASTICMQ_HOME === undefined)
        throw new Error("ELASTICMQ_HOME is not set; this brings it: scripts/services/start elasticmq; . .services/env");
      const server = await startElasticMq(ELASTICMQ_HOME);
      const credentials = { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local", AWS_REGION: "eu-central-1" };
      return {
        env: { ...env, ...credentials, SQS_ENDPOINT: server.url },
        kill: () => server.signal("SIGKILL"),
        start: () => server.start(),
        [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
      };
    }
    case "rabbitmq":
    default: {
      if (!hasRabbit) throw new Error("there is no RabbitMQ; this brings it: scripts/services/start rabbitmq");
      const server = await startRabbit();
      return { ...server, env: { ...env, RABBITMQ_URL: server.url } };
    }
  }
}
