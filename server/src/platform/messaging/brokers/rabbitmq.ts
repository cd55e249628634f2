import { setImmediate as aTurn } from "node:timers/promises";
import { Connection, ConsumerStatus, type Publisher } from "rabbitmq-client";
import { within } from "#src/platform/deadline.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import type { Broker, Parcel } from "../broker.ts";
import { readParcel } from "./parcel.ts";

/** Shorter than a relay waits for a confirmation: it holds rows meanwhile. */
const ACQUIRE_TIMEOUT_MS = 1_500;
const CONNECT_TIMEOUT_MS = 2_000;
const DECLARE_LIMIT_MS = 4_000;
const MIN_RECONNECT_PAUSE_MS = 250;
const MAX_RECONNECT_PAUSE_MS = 2_000;
/** Silence after which the other end is asked whether it is there; twice as long, and it is given up. */
const HEARTBEAT_SECONDS = 5;
const CLOSE_LIMIT_MS = 2_000;
/** Times that a parcel is handed over again before it is put aside; the row that it points at has attempts of its own. */
const DELIVERY_LIMIT = 20;
/** What was put aside is for whoever looks into it: no work depends on it. */
const DEAD_PARCELS = 10_000;
const DEAD_PARCEL_MS = 604_800_000;
/** One batch is worked on while the next one is on its way. */
const BATCHES_AHEAD = 2;

const DEAD_LETTER_EXCHANGE = "shopfloor.dead";
const queueOf = (consumer: string): string => `shopfloor.${consumer}`;
const consumerOf = (queue: string): string => queue.slice("shopfloor.".length);

/** Durable and replicated, with an end for what kills each worker that it is handed to: RabbitMQ 3 has no such limit of its own. */
function queueOptions(consumer: string) {
  return {
    queue: queueOf(consumer),
    durable: true,
    arguments: {
      "x-queue-type": "quorum" as const,
      "x-delivery-limit": DELIVERY_LIMIT,
      "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
      "x-dead-letter-routing-key": queueOf(consumer),
    },
  };
}

/**
 * RabbitMQ 3.10 or newer: a quorum queue for each consumer, persistent parcels, each confirmed. A server that is away is
 * tried again for as long as this is open; meanwhile `publish` and `check` fail, and consumers wait.
 * @param options.onReturned told of each parcel that was confirmed without a queue to put it into
 */
export function openRabbitBroker(options: { url: string; log: Log; onReturned(consumer: string): void }): Broker {
  // Two, because a server that is short of memory stops reading from those that publish: acknowledgements must get through.
  const publishing = connect(options, "publishes");
  const consuming = connect(options, "consumes");
  const { publish, stop } = publisherOn(publishing, options);
  return {
    publish,
    consume(consumer, { batch }, onParcels) {
      const props = {
        queue: queueOf(consumer),
        queueOptions: queueOptions(consumer),
        qos: { prefetchCount: batch * BATCHES_AHEAD },
      };
      const take = inBatches(batch, onParcels);
      const subscriber = consuming.createConsumer(props, async ({ body }) => {
        const parcel = readParcel({ ...(body as object) });
        if (parcel !== undefined) return await take(parcel);
        options.log.warn({ consumer }, "what lies in the queue is none of ours; putting it aside");
        return ConsumerStatus.DROP;
      });
      // A lost connection is told of by the connection; what else it says is that an acknowledgement came too late.
      subscriber.on("error", (error) => options.log.debug({ err: error as unknown, consumer }, "RabbitMQ"));
      return { stop: () => subscriber.close() };
    },
    async check() {
      const channel = await publishing.acquire();
      await channel.close();
    },
    async close() {
      // A connection ends when its channels have; that of a server which is away answers nothing.
      await within(stop(), CLOSE_LIMIT_MS).catch(() => undefined);
      await Promise.all([publishing, consuming].map(closeWithin));
    },
  };
}

function publisherOn(
  connection: Connection,
  { log, onReturned }: { log: Log; onReturned(consumer: string): void },
): { publish: Broker["publish"]; stop(): Promise<void> } {
  const publisher: Publisher = connection.createPublisher({ confirm: true });
  const declared = new Map<string, Promise<void>>();
  const returns = new Map<string, number>();
  const returnsOf = (consumer: string): number => returns.get(consumer) ?? 0;
  // A new connection may be to a server that has lost what it had.
  connection.on("connection", () => declared.clear());
  publisher.on("basic.return", ({ routingKey, replyText }) => {
    const consumer = consumerOf(routingKey);
    returns.set(consumer, returnsOf(consumer) + 1);
    declared.delete(consumer);
    onReturned(consumer);
    log.error({ consumer, reason: replyText }, "RabbitMQ had no queue for a delivery; declaring it again");
  });
  const declareOnce = (consumer: string): Promise<void> => {
    const known = declared.get(consumer);
    if (known !== undefined) return known;
    // One that is never answered must not stand for all that come after it.
    const declaring = within(declare(connection, consumer), DECLARE_LIMIT_MS).catch((error: unknown) => {
      declared.delete(consumer);
      throw error;
    });
    declared.set(consumer, declaring);
    return declaring;
  };
  const publish: Broker["publish"] = async (parcels) => {
    const consumers = [...new Set(parcels.map(({ consumer }) => consumer))];
    await Promise.all(consumers.map(declareOnce));
    const before = consumers.map(returnsOf);
    await Promise.all(parcels.map((parcel) => publisher.send(envelopeOf(parcel), parcel)));
    // RabbitMQ confirms what it returns, too, and says so before; the library tells of a return a turn later.
    await aTurn();
    const lost = consumers.filter((consumer, index) => returnsOf(consumer) !== before[index]);
    if (lost.length > 0) throw new Error(`RabbitMQ had no queue for ${lost.join(", ")}`);
  };
  return { publish, stop: () => publisher.close() };
}

function envelopeOf({ consumer, message_id, topic, correlation_id: correlationId, traceparent }: Parcel) {
  const routingKey = queueOf(consumer);
  const headers = { traceparent };
  return {
    routingKey,
    mandatory: true,
    durable: true,
    messageId: String(message_id),
    type: topic,
    correlationId,
    headers,
  };
}

async function declare(connection: Connection, consumer: string): Promise<void> {
  const queue = `${queueOf(consumer)}.dead`;
  const bounds = { "x-max-length": DEAD_PARCELS, "x-message-ttl": DEAD_PARCEL_MS };
  await connection.exchangeDeclare({ exchange: DEAD_LETTER_EXCHANGE, type: "direct", durable: true });
  await connection.queueDeclare({ queue, durable: true, arguments: { "x-queue-type": "quorum", ...bounds } });
  await connection.queueBind({ exchange: DEAD_LETTER_EXCHANGE, queue, routingKey: queueOf(consumer) });
  await connection.queueDeclare(queueOptions(consumer));
}

/** Gathers what has come in, without waiting for more, and hands it on: one batch at a time. */
function inBatches(
  batch: number,
  onParcels: (parcels: Parcel[]) => Promise<void>,
): (parcel: Parcel) => Promise<ConsumerStatus> {
  const waiting: { parcel: Parcel; settle(status: ConsumerStatus): void }[] = [];
  let isWorking = false;
  const work = async (): Promise<void> => {
    while (waiting.length > 0) {
      const some = waiting.splice(0, batch);
      const status = await onParcels(some.map(({ parcel }) => parcel)).then(
        () => ConsumerStatus.ACK,
        () => ConsumerStatus.REQUEUE,
      );
      for (const { settle } of some) settle(status);
    }
    isWorking = false;
  };
  return (parcel) =>
    new Promise((settle) => {
      waiting.push({ parcel, settle });
      if (isWorking) return;
      isWorking = true;
      // After what has arrived together with this one was read.
      setImmediate(() => void work());
    });
}

function connect({ url, log }: { url: string; log: Log }, purpose: string): Connection {
  const connection = new Connection({
    url,
    connectionName: `shopfloor ${purpose}`,
    acquireTimeout: ACQUIRE_TIMEOUT_MS,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    heartbeat: HEARTBEAT_SECONDS,
    retryLow: MIN_RECONNECT_PAUSE_MS,
    retryHigh: MAX_RECONNECT_PAUSE_MS,
  });
  let isLost = false;
  connection.on("error", (error) => {
    if (!isLost) log.warn({ err: error as unknown, purpose }, "RabbitMQ is away; deliveries wait for it");
    isLost = true;
  });
  connection.on("connection", () => {
    if (isLost) log.info({ purpose }, "RabbitMQ is back");
    isLost = false;
  });
  return connection;
}

async function closeWithin(connection: Connection): Promise<void> {
  await within(connection.close(), CLOSE_LIMIT_MS).catch(() => connection.unsafeDestroy());
}
