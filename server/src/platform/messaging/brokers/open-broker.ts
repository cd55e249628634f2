import type { Config } from "#src/config.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import type { Broker } from "../broker.ts";

export type BrokerOptions = {
  config: Config;
  log: Log;
  /** told of each parcel that the broker has confirmed without having a queue for it */
  onReturned(consumer: string): void;
};

/**
 * Opens the way to the broker that the configuration names, without waiting for it: it may be away.
 * @returns undefined on PostgreSQL, which needs none
 */
export async function openBroker(options: BrokerOptions): Promise<Broker | undefined> {
  const { config, log } = options;
  const { leaseMs, messaging } = config;
  // Loaded only where it is chosen: a library costs a start some 100 ms and 20 MB.
  if (messaging === "postgres") return undefined;
  if (messaging === "rabbitmq" && config.rabbitmqUrl !== undefined) {
    const { openRabbitBroker } = await import("./rabbitmq.ts");
    return openRabbitBroker({ ...options, url: config.rabbitmqUrl });
  }
  if (messaging === "redis" && config.redisUrl !== undefined) {
    const { openRedisBroker } = await import("./redis.ts");
    return openRedisBroker({ url: config.redisUrl, log, leaseMs });
  }
  if (messaging === "sqs" && config.awsRegion !== undefined) {
    const { openSqsBroker } = await import("./sqs.ts");
    const { sqsEndpoint: endpoint, awsRegion: region, sqsQueuePrefix: queuePrefix } = config;
    return openSqsBroker({ endpoint, region, queuePrefix, log, leaseMs });
  }
  throw new Error(`MESSAGING=${messaging} without its address; the configuration refuses that`);
}
