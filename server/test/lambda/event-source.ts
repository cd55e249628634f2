import { setTimeout } from "node:timers/promises";
import {
  DeleteMessageBatchCommand,
  GetQueueUrlCommand,
  type Message,
  QueueDoesNotExist,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import type { Emulator } from "./emulator.ts";

/** Of an event source without a batch window, and of one request to SQS. */
const BATCH = 10;
const REST_MS = 20;

export type EventSource = AsyncDisposable & {
  /** SQS's ids of the records that the function has reported as failed, once for each time */
  reported: string[];
  /** calls that ended without an answer */
  failures: string[];
  calls(): number;
};

/** A client for a stand-in of SQS on this machine, which takes any credentials. */
export function connectSqs(endpoint: string): SQSClient {
  return new SQSClient({ endpoint, region: "elasticmq", credentials: { accessKeyId: "x", secretAccessKey: "x" } });
}

/**
 * Plays Lambda's event source mapping of these queues (AWS Lambda, "Using Lambda with Amazon SQS"): hands what it
 * receives to the function, one call at a time, and deletes what the function has not reported. After a call without an
 * answer it deletes nothing.
 */
export function startEventSource(options: { sqs: SQSClient; queues: string[]; emulator: Emulator }): EventSource {
  const { sqs, queues, emulator } = options;
  const stop = new AbortController();
  const reported: string[] = [];
  const failures: string[] = [];
  let calls = 0;

  async function poll(queue: string): Promise<number> {
    const QueueUrl = await findQueue(sqs, queue);
    if (QueueUrl === undefined) return 0;
    const wanted = { QueueUrl, MaxNumberOfMessages: BATCH, MessageSystemAttributeNames: ["All" as const] };
    const { Messages: messages = [] } = await sqs.send(new ReceiveMessageCommand(wanted));
    if (messages.length === 0) return 0;
    calls += 1;
    try {
      const failed = failedOf(await emulator.invoke({ Records: messages.map((message) => recordOf(message, queue)) }));
      reported.push(...failed);
      const done = messages.filter(({ MessageId }) => !failed.includes(MessageId ?? ""));
      const Entries = done.map(({ ReceiptHandle }, index) => ({ Id: String(index), ReceiptHandle }));
      if (Entries.length > 0) await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }));
    } catch (error) {
      failures.push(String(error));
    }
    return messages.length;
  }

  async function keepPolling(): Promise<void> {
    while (!stop.signal.aborted) {
      let received = 0;
      for (const queue of queues) if (!stop.signal.aborted) received += await poll(queue);
      if (received === 0) await setTimeout(REST_MS);
    }
  }

  const polling = keepPolling();
  return {
    reported,
    failures,
    calls: () => calls,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await polling;
    },
  };
}

/** @returns undefined while there is no such queue */
async function findQueue(sqs: SQSClient, QueueName: string): Promise<string | undefined> {
  try {
    return (await sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl;
  } catch (error) {
    if (error instanceof QueueDoesNotExist) return undefined;
    throw error;
  }
}

function failedOf(answer: unknown): string[] {
  const { batchItemFailures } = answer as { batchItemFailures: { itemIdentifier: string }[] };
  return batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
}

function recordOf(message: Message, queue: string) {
  return {
    messageId: message.MessageId,
    receiptHandle: message.ReceiptHandle,
    body: message.Body,
    attributes: message.Attributes,
    messageAttributes: {},
    md5OfBody: message.MD5OfBody,
    eventSource: "aws:sqs",
    eventSourceARN: `arn:aws:sqs:elasticmq:000000000000:${queue}`,
    awsRegion: "elasticmq",
  };
}
