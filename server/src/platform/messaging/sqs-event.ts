import type { Parcel } from "./broker.ts";
import { parseParcel } from "./brokers/parcel.ts";
import type { Subscription } from "./event.ts";
import { workParcels } from "./parcels.ts";
import type { WorkContext } from "./work.ts";

/** What an SQS event source hands to a function, as far as it is read (AWS Lambda, "Using Lambda with Amazon SQS"). */
export type SqsRecord = { messageId: string; body: string };
/** Which records SQS is to keep; it deletes the others (the same, "Implementing partial batch responses"). */
export type BatchResponse = { batchItemFailures: { itemIdentifier: string }[] };

type Received = { messageId: string; parcel: Parcel };

/**
 * Works on the records of one invocation. Reported as failed is only what could not be looked at: while the database is
 * away, everything, and what is no parcel of ours, so that the queue's redrive policy takes it out of the way. A handler
 * that fails is no such record: its row is tried again, and relayed for it, until it is handled or dead.
 * @param stopping when aborted, what has not begun is left to the next invocation
 * @throws Error for an event that is none of SQS's; Lambda keeps all of it
 */
export async function workRecords(
  context: WorkContext,
  subscriptions: Subscription[],
  event: unknown,
  stopping: AbortSignal,
): Promise<BatchResponse> {
  const failed: string[] = [];
  const received: Received[] = [];
  for (const { messageId, body } of recordsOf(event)) {
    const parcel = parseParcel(body);
    if (parcel === undefined) {
      context.log.error({ sqs_message_id: messageId }, "a record that is no parcel of ours");
      failed.push(messageId);
    } else received.push({ messageId, parcel });
  }
  for (const [consumer, own] of Map.groupBy(received, ({ parcel }) => parcel.consumer)) {
    const subscription = subscriptions.find((one) => one.consumer === consumer);
    failed.push(...(await workConsumer(context, { consumer, subscription }, own, stopping)));
  }
  return { batchItemFailures: failed.map((itemIdentifier) => ({ itemIdentifier })) };
}

/** @returns the records that could not be looked at */
async function workConsumer(
  context: WorkContext,
  { consumer, subscription }: { consumer: string; subscription: Subscription | undefined },
  received: Received[],
  stopping: AbortSignal,
): Promise<string[]> {
  const all = received.map(({ messageId }) => messageId);
  if (subscription === undefined) {
    // A newer version relays already, or an older one still does: another function will know it, or nobody ever.
    context.log.error({ consumer, records: all.length }, "this version has no such consumer");
    return all;
  }
  for (let begun = 0; begun < received.length; begun += subscription.maxBatch) {
    const batch = received.slice(begun, begun + subscription.maxBatch).map(({ parcel }) => parcel);
    try {
      await workParcels(context, subscription, batch, stopping);
    } catch (error) {
      context.log.error({ err: error, consumer }, "what the queue handed over could not be looked at; it comes again");
      return all.slice(begun);
    }
  }
  return [];
}

function recordsOf(event: unknown): SqsRecord[] {
  const { Records: records } = { ...(event as object) } as { Records?: unknown };
  if (Array.isArray(records) && records.every(isRecord)) return records;
  throw new Error("this function is for an SQS event source: the event has no Records of messageId and body");
}

function isRecord(record: unknown): record is SqsRecord {
  const { messageId, body } = { ...(record as object) } as Partial<Record<keyof SqsRecord, unknown>>;
  return typeof messageId === "string" && typeof body === "string";
}
