import { setTimeout as rest } from "node:timers/promises";
import {
  type BatchResultErrorEntry,
  CreateQueueCommand,
  DeleteMessageBatchCommand,
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  type Message,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { Log } from "#src/platform/telemetry/log.ts";
import type { Broker, Parcel } from "../broker.ts";
import { parseParcel } from "./parcel.ts";

/** What SQS takes and gives in one request. */
const BATCH_ENTRIES = 10;
/** How long a receive waits for parcels, the longest that SQS allows: each costs money. */
const WAIT_SECONDS = 20;
/** Receives that fill up a batch after a first one that was full. */
const RECEIVES_AT_ONCE = 10;
/** Batches on their way at once, of one call. */
const BATCHES_AT_ONCE = 10;
/** Of one request whose entries SQS took in part. */
const BATCH_ATTEMPTS = 3;
const CONNECT_WITHIN_MS = 3_000;
const ANSWER_WITHIN_MS = 5_000;
const REQUEST_ATTEMPTS = 2;
const PAUSE_AFTER_FAULT_MS = 500;
/** A parcel that was received so often and never deleted goes to the dead-letter queue. Its row decides all the same. */
const MAX_RECEIVES = 20;
/** 14 days, the longest that SQS keeps what nobody takes. */
const KEEP_SECONDS = 1_209_600;
const MAX_VISIBILITY_SECONDS = 43_200;

export type SqsOptions = {
  /** absent: AWS itself, in `region` */
  endpoint: string | undefined;
  region: string;
  queuePrefix: string;
  log: Log;
  /** a parcel that was handed out is hidden from others for so long */
  leaseMs: number;
};

/** The name of a consumer's queue: SQS allows no dots. */
export function queueNameOf(prefix: string, consumer: string): string {
  return `${prefix}-${consumer.replaceAll(".", "-")}`;
}

/**
 * SQS: a standard queue for each consumer, declared with its dead-letter queue unless somebody has made it already. It
 * may deliver a parcel twice, late and in any order.
 */
export function openSqsBroker(options: SqsOptions): Broker {
  const client = connect(options, ANSWER_WITHIN_MS);
  const receiving = connect(options, WAIT_SECONDS * 1_000 + ANSWER_WITHIN_MS);
  const queues = createQueues(client, options);
  const readers = new Set<{ stop(): Promise<void> }>();
  return {
    async publish(parcels) {
      const sent = [...Map.groupBy(parcels, ({ consumer }) => consumer)].map(async ([consumer, own]) => {
        await queues.use(consumer, (url) => send(client, url, own));
      });
      await Promise.all(sent);
    },
    consume(consumer, { batch }, onParcels) {
      const { log, leaseMs } = options;
      const reader = keepReceiving({ client, receiving, queues, consumer, batch, log, leaseMs }, onParcels);
      readers.add(reader);
      return reader;
    },
    async check() {
      // That there is no such queue is an answer, too; and a right on the queues is enough to ask.
      const QueueName = queueNameOf(options.queuePrefix, "check");
      await client.send(new GetQueueUrlCommand({ QueueName })).catch((error: unknown) => {
        if (!(error instanceof QueueDoesNotExist)) throw error;
      });
    },
    async close() {
      await Promise.all([...readers].map((reader) => reader.stop()));
      client.destroy();
      receiving.destroy();
    },
  };
}

function connect({ endpoint, region }: SqsOptions, requestTimeout: number): SQSClient {
  return new SQSClient({
    region,
    maxAttempts: REQUEST_ATTEMPTS,
    requestHandler: {
      connectionTimeout: CONNECT_WITHIN_MS,
      requestTimeout,
      throwOnRequestTimeout: true,
      // Bounded by what we ask at once: a request that waits for a socket would count as one that can't connect.
      httpAgent: { keepAlive: true, maxSockets: Infinity },
      httpsAgent: { keepAlive: true, maxSockets: Infinity },
    },
    ...(endpoint !== undefined && { endpoint }),
    // A stand-in on this machine takes whatever it is shown, and without a word of ours the SDK asks a machine of
    // Amazon's for credentials that is not there.
    ...(isLocal(endpoint) && { credentials: { accessKeyId: "local", secretAccessKey: "local" } }),
  });
}

function isLocal(endpoint: string | undefined): boolean {
  return endpoint !== undefined && ["127.0.0.1", "localhost", "[::1]"].includes(new URL(endpoint).hostname);
}

type Queues = { use<T>(consumer: string, work: (url: string) => Promise<T>): Promise<T> };

/** Where the queues are, by their consumers; one that is not there, or no more, is made. */
function createQueues(client: SQSClient, options: SqsOptions): Queues {
  const urls = new Map<string, Promise<string>>();
  const urlOf = (consumer: string): Promise<string> => {
    const url = urls.get(consumer) ?? declare(client, options, queueNameOf(options.queuePrefix, consumer));
    urls.set(consumer, url);
    url.catch(() => urls.delete(consumer));
    return url;
  };
  return {
    async use(consumer, work) {
      try {
        return await work(await urlOf(consumer));
      } catch (error) {
        if (!(error instanceof QueueDoesNotExist)) throw error;
        urls.delete(consumer);
        return await work(await urlOf(consumer));
      }
    },
  };
}

async function declare(client: SQSClient, options: SqsOptions, name: string): Promise<string> {
  // Found ones are left as they are: who made them may have wanted other settings, and would be told of a conflict.
  const found = await find(client, name);
  if (found !== undefined) return found;
  const kept = { MessageRetentionPeriod: String(KEEP_SECONDS) };
  const deadUrl = (await find(client, `${name}-dead`)) ?? (await create(client, `${name}-dead`, kept));
  const asked = new GetQueueAttributesCommand({ QueueUrl: deadUrl, AttributeNames: ["QueueArn"] });
  const deadLetterTargetArn = (await client.send(asked)).Attributes?.["QueueArn"];
  return await create(client, name, {
    ...kept,
    VisibilityTimeout: String(visibilitySeconds(options.leaseMs)),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn, maxReceiveCount: MAX_RECEIVES }),
  });
}

async function find(client: SQSClient, QueueName: string): Promise<string | undefined> {
  try {
    return (await client.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl;
  } catch (error) {
    if (error instanceof QueueDoesNotExist) return undefined;
    throw error;
  }
}

async function create(client: SQSClient, QueueName: string, Attributes: Record<string, string>): Promise<string> {
  const { QueueUrl } = await client.send(new CreateQueueCommand({ QueueName, Attributes }));
  if (QueueUrl === undefined) throw new Error(`SQS made the queue ${QueueName} and gave no address`);
  return QueueUrl;
}

function visibilitySeconds(leaseMs: number): number {
  return Math.min(MAX_VISIBILITY_SECONDS, Math.ceil(leaseMs / 1_000));
}

async function send(client: SQSClient, QueueUrl: string, parcels: Parcel[]): Promise<void> {
  const bodies = parcels.map((parcel) => ({ MessageBody: JSON.stringify(parcel) }));
  const [failure, ...others] = await inBatches(bodies, (Entries) =>
    client.send(new SendMessageBatchCommand({ QueueUrl, Entries })),
  );
  if (failure === undefined) return;
  throw new Error(`SQS refused ${others.length + 1} of ${parcels.length} parcels: ${failure.Code} ${failure.Message}`);
}

type Entries<Item> = (Item & { Id: string })[];
type Answer = { Failed?: BatchResultErrorEntry[] | undefined };

/** Makes as many requests as the items need, some at once. @returns what SQS refused to the last */
async function inBatches<Item>(
  items: Item[],
  request: (entries: Entries<Item>) => Promise<Answer>,
): Promise<BatchResultErrorEntry[]> {
  const waiting = chunks(items, BATCH_ENTRIES);
  const failures: BatchResultErrorEntry[] = [];
  const lane = async (): Promise<void> => {
    for (let chunk = waiting.shift(); chunk !== undefined; chunk = waiting.shift()) {
      const entries = chunk.map((item, index) => ({ ...item, Id: String(index) }));
      failures.push(...(await insist(entries, request)));
    }
  };
  await Promise.all(Array.from({ length: BATCHES_AT_ONCE }, lane));
  return failures;
}

/** SQS may take a part of a batch. The rest goes again, unless the mistake is the sender's: it would be one again. */
async function insist<Item>(
  entries: Entries<Item>,
  request: (entries: Entries<Item>) => Promise<Answer>,
): Promise<BatchResultErrorEntry[]> {
  const refused: BatchResultErrorEntry[] = [];
  let left = entries;
  for (let attempt = 1; left.length > 0; attempt += 1) {
    const { Failed: failed = [] } = await request(left);
    const again = failed.filter(({ SenderFault }) => SenderFault !== true && attempt < BATCH_ATTEMPTS);
    refused.push(...failed.filter((one) => !again.includes(one)));
    left = left.filter(({ Id }) => again.some((one) => one.Id === Id));
  }
  return refused;
}

function chunks<Item>(items: Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

type Reader = {
  client: SQSClient;
  receiving: SQSClient;
  queues: Queues;
  consumer: string;
  batch: number;
  log: Log;
  leaseMs: number;
};

function keepReceiving(reader: Reader, onParcels: (parcels: Parcel[]) => Promise<void>): { stop(): Promise<void> } {
  const { client, queues, consumer, log } = reader;
  const stop = new AbortController();
  let isLost = false;

  async function turn(): Promise<void> {
    await queues.use(consumer, async (url) => {
      const messages = await receive(reader, url, stop.signal);
      if (isLost) log.info({ consumer }, "SQS is back");
      isLost = false;
      if (messages.length === 0) return;
      const parcels = messages.map(({ Body = "" }) => parseParcel(Body));
      if (parcels.includes(undefined)) log.warn({ consumer }, "what is no parcel was found in a queue; it is dropped");
      await onParcels(parcels.filter((parcel) => parcel !== undefined));
      await forget(client, url, messages);
    });
  }

  async function read(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await turn();
      } catch (error) {
        if (stop.signal.aborted) return;
        if (!isLost) log.warn({ err: error, consumer }, "parcels stay in SQS for now");
        isLost = true;
        await rest(PAUSE_AFTER_FAULT_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
  }

  const reading = read();
  return {
    async stop() {
      stop.abort();
      await reading;
    },
  };
}

/** Waits for the first parcels; more are there when they come as many as SQS gives at once. */
async function receive(reader: Reader, QueueUrl: string, stopping: AbortSignal): Promise<Message[]> {
  const ask = async (most: number, WaitTimeSeconds: number, abortSignal?: AbortSignal): Promise<Message[]> => {
    const MaxNumberOfMessages = Math.min(BATCH_ENTRIES, most);
    const VisibilityTimeout = visibilitySeconds(reader.leaseMs);
    const question = { QueueUrl, MaxNumberOfMessages, WaitTimeSeconds, VisibilityTimeout };
    const asked = reader.receiving.send(new ReceiveMessageCommand(question), abortSignal && { abortSignal });
    return (await asked).Messages ?? [];
  };
  const first = await ask(reader.batch, WAIT_SECONDS, stopping);
  if (first.length < BATCH_ENTRIES) return first;
  const rooms = chunks(Array.from({ length: reader.batch - first.length }), BATCH_ENTRIES).slice(0, RECEIVES_AT_ONCE);
  const more = await Promise.allSettled(rooms.map(({ length }) => ask(length, 0)));
  return [...first, ...more.flatMap((one) => (one.status === "fulfilled" ? one.value : []))];
}

/** What can't be deleted, for instance because its time was over, comes again and finds its row handled. */
async function forget(client: SQSClient, QueueUrl: string, messages: Message[]): Promise<void> {
  const receipts = messages.map(({ ReceiptHandle }) => ({ ReceiptHandle }));
  await inBatches(receipts, (Entries) => client.send(new DeleteMessageBatchCommand({ QueueUrl, Entries })));
}
