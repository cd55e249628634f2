import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout as rest } from "node:timers/promises";
import { within } from "#src/platform/deadline.ts";
import { connectRedis } from "#src/platform/redis.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import type { Broker, Parcel } from "../broker.ts";
import { readParcel } from "./parcel.ts";

/** How long one read waits for parcels; a worker that is asked to stop waits for its end. */
const BLOCK_MS = 500;
/** A Redis that is frozen would keep a relay and its locked rows for ever. */
const ANSWER_WITHIN_MS = 3_000;
const CHECK_WITHIN_MS = 1_000;
/** A connection that is silent for so long, in spite of reads and pings, is dead. */
const SILENCE_MS = 3_000;
const PING_EVERY_MS = 1_000;
const PAUSE_AFTER_FAULT_MS = 250;
/** Of one consumer, in Redis at once; the oldest ones go first, and are relayed again when their row is due. */
const MAX_STREAM_LENGTH = 200_000;
/** A reader that has nothing in hand and has not asked for so many leases belongs to a process that is gone. */
const FORGOTTEN_AFTER_LEASES = 2;

const GROUP = "workers";

type Client = ReturnType<typeof connectRedis>;
type Entry = { id: string; message: Record<string, unknown> };
type Queue = { client: Client; key: string; reader: string; batch: number; leaseMs: number };

/** The stream of a consumer. */
export function streamOf(consumer: string): string {
  return `shopfloor:parcels:${consumer}`;
}

/**
 * Redis Streams (5.0 or newer, 6.2 for XAUTOCLAIM): a stream and a group for each consumer, deleted from as it is
 * handled. What it forgets, by a crash or a flush, is relayed again when its row is due.
 * @param options.leaseMs after which a parcel that was handed out and not acknowledged is handed to somebody else
 */
export function openRedisBroker(options: { url: string; log: Log; leaseMs: number }): Broker {
  const connect = (name: string): Client =>
    connectRedis({ ...options, name: `shopfloor-${name}`, pingEveryMs: PING_EVERY_MS, silenceMs: SILENCE_MS });
  const client = connect("relay");
  const readers = new Set<{ stop(): Promise<void> }>();
  return {
    async publish(parcels) {
      // Sent in one write, as all commands of one turn are.
      await within(Promise.all(parcels.map((parcel) => append(client, parcel))), ANSWER_WITHIN_MS);
    },
    consume(consumer, { batch }, onParcels) {
      const reader = `${hostname()}-${process.pid}-${randomUUID()}`;
      const queue = { client: connect(consumer), key: streamOf(consumer), reader, batch, leaseMs: options.leaseMs };
      const loop = keepReading({ queue, consumer, log: options.log }, onParcels);
      readers.add(loop);
      return loop;
    },
    async check() {
      await within(client.ping(), CHECK_WITHIN_MS);
    },
    async close() {
      await Promise.all([...readers].map((reader) => reader.stop()));
      if (client.isOpen) client.destroy();
    },
  };
}

async function append(client: Client, { consumer, message_id, ...fields }: Parcel): Promise<void> {
  const TRIM = { strategy: "MAXLEN", strategyModifier: "~", threshold: MAX_STREAM_LENGTH } as const;
  await client.xAdd(streamOf(consumer), "*", { message_id: String(message_id), ...fields }, { TRIM });
}

function keepReading(
  { queue, consumer, log }: { queue: Queue; consumer: string; log: Log },
  onParcels: (parcels: Parcel[]) => Promise<void>,
): { stop(): Promise<void> } {
  const stop = new AbortController();
  let lookedAt = Number.NEGATIVE_INFINITY;

  async function turn(): Promise<void> {
    let entries: Entry[] = [];
    if (performance.now() - lookedAt > queue.leaseMs) {
      entries = await claimAbandoned(queue);
      await forgetReaders(queue);
      if (entries.length < queue.batch) lookedAt = performance.now();
    }
    if (entries.length === 0) entries = await readNew(queue);
    if (entries.length === 0) return;
    const parcels = entries.map(({ message }) => readParcel({ ...message, consumer }));
    if (parcels.includes(undefined)) log.warn({ consumer }, "what is no parcel was found in a stream; it is dropped");
    await onParcels(parcels.filter((parcel) => parcel !== undefined));
    await acknowledge(queue, entries);
  }

  async function read(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        await turn();
      } catch (error) {
        if (isNoGroup(error)) await createGroup(queue).catch(() => undefined);
        // The client has told already that Redis is away.
        else if (queue.client.isReady) log.warn({ err: error, consumer }, "parcels stay where they are for now");
        await rest(PAUSE_AFTER_FAULT_MS, undefined, { signal: stop.signal }).catch(() => undefined);
      }
    }
    if (queue.client.isOpen) queue.client.destroy();
  }

  const reading = read();
  return {
    async stop() {
      stop.abort();
      await reading;
    },
  };
}

async function readNew({ client, key, reader, batch }: Queue): Promise<Entry[]> {
  const read = client.xReadGroup(GROUP, reader, { key, id: ">" }, { COUNT: batch, BLOCK: BLOCK_MS });
  const streams = await within(read, BLOCK_MS + ANSWER_WITHIN_MS);
  return streams?.[0]?.messages ?? [];
}

/** Takes over what was handed out a lease ago and never acknowledged: its reader has died, or failed with it. */
async function claimAbandoned({ client, key, reader, batch, leaseMs }: Queue): Promise<Entry[]> {
  let start = "0-0";
  do {
    const claim = client.xAutoClaim(key, GROUP, reader, leaseMs, start, { COUNT: batch });
    const { messages, nextId } = await within(claim, ANSWER_WITHIN_MS);
    // Redis before 7 gives nothing in place of an entry that was trimmed.
    const entries = messages.filter((message) => message !== null);
    if (entries.length > 0) return entries;
    start = nextId;
  } while (start !== "0-0");
  return [];
}

// One that comes back in this moment loses its claim to what it is just given: it still deletes what it has handled, and
// should it die first, the rows are relayed again.
async function forgetReaders({ client, key, reader, leaseMs }: Queue): Promise<void> {
  for (const { name, pending, idle } of await within(client.xInfoConsumers(key, GROUP), ANSWER_WITHIN_MS)) {
    if (name === reader || pending > 0 || idle < FORGOTTEN_AFTER_LEASES * leaseMs) continue;
    await within(client.xGroupDelConsumer(key, GROUP, name), ANSWER_WITHIN_MS);
  }
}

async function acknowledge({ client, key }: Queue, entries: Entry[]): Promise<void> {
  const ids = entries.map(({ id }) => id);
  // Both or neither: what was acknowledged and not deleted would stay in the stream, and nobody would find it again.
  await within(client.multi().xAck(key, GROUP, ids).xDel(key, ids).exec(), ANSWER_WITHIN_MS);
}

async function createGroup({ client, key }: Queue): Promise<void> {
  // From the beginning: parcels may have come before their first reader, or while a flush took the group away.
  await within(client.xGroupCreate(key, GROUP, "0", { MKSTREAM: true }), ANSWER_WITHIN_MS);
}

function isNoGroup(error: unknown): boolean {
  // UNBLOCKED: the stream went away under a read that waited.
  return error instanceof Error && /^(?:NOGROUP|UNBLOCKED)/.test(error.message);
}
