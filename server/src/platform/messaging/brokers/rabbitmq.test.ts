import { randomBytes } from "node:crypto";
import { Connection } from "rabbitmq-client";
import { expect, test } from "vitest";
import { createLog } from "#src/platform/telemetry/log.ts";
import { hasRabbit, startRabbit } from "#test/rabbitmq-server.ts";
import { until } from "#test/until.ts";
import type { Parcel } from "../broker.ts";
import { openRabbitBroker } from "./rabbitmq.ts";

const START_LIMIT_MS = 120_000;
const log = createLog({ logLevel: "silent", process: "test" });
const brings = hasRabbit ? "" : " (scripts/services/start rabbitmq brings it)";

test.skipIf(!hasRabbit)(
  `RabbitMQ${brings}: what has no queue is returned, told of and not taken for published; then the queue is there again`,
  async () => {
    await using world = await openWorld();
    const { consumer, broker, admin } = world;
    // Twice: what is declared before it is connected is declared once more.
    for (const id of [1, 1]) await broker.publish([parcelOf(consumer, id)]);
    await admin.queueDelete({ queue: `shopfloor.${consumer}` });
    await expect(broker.publish([parcelOf(consumer, 2)])).rejects.toThrow(`no queue for ${consumer}`);
    expect(world.returned).toEqual([consumer]);
    await broker.publish([parcelOf(consumer, 3)]);
    const ids: number[] = [];
    broker.consume(consumer, { batch: 10 }, async (parcels) => void ids.push(...parcels.map((one) => one.message_id)));
    await until(() => ids.length > 0);
    expect(ids).toEqual([3]);
  },
  START_LIMIT_MS,
);

test.skipIf(!hasRabbit)(
  `RabbitMQ${brings}: what is none of ours, and what is refused again and again, is put aside and blocks nobody`,
  async () => {
    await using world = await openWorld();
    const { consumer, broker, admin } = world;
    const queue = `shopfloor.${consumer}`;
    await broker.publish([parcelOf(consumer, 1)]);
    const stranger = admin.createPublisher({ confirm: true });
    await stranger.send(queue, { greetings: "from somebody else" });
    await stranger.close();
    await broker.publish([parcelOf(consumer, 2)]);
    let refused = 0;
    const handled: number[] = [];
    broker.consume(consumer, { batch: 1 }, async ([parcel]) => {
      if (parcel?.message_id === 1) {
        refused += 1;
        throw new Error("not this one");
      }
      handled.push(parcel?.message_id ?? 0);
    });
    const aside = async () => (await admin.queueDeclare({ queue: `${queue}.dead`, passive: true })).messageCount;
    await until(async () => (await aside()) === 2);
    expect(handled).toEqual([2]);
    // Once, and then as often as the limit says.
    expect(refused).toBe(21);
  },
  START_LIMIT_MS,
);

function parcelOf(consumer: string, message_id: number): Parcel {
  return { message_id, consumer, topic: "thing.counted", correlation_id: "test", traceparent: "00-0-0-00" };
}

/** A server, a broker of ours in front of it, and a connection for who looks into it. */
async function openWorld() {
  await using undo = new AsyncDisposableStack();
  const { url } = undo.use(await startRabbit());
  const returned: string[] = [];
  const broker = openRabbitBroker({ url, log, onReturned: (consumer) => returned.push(consumer) });
  undo.defer(() => broker.close());
  const admin = new Connection(url);
  undo.defer(() => admin.close());
  const kept = undo.move();
  const consumer = `test_${randomBytes(6).toString("hex")}`;
  return { consumer, broker, admin, returned, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}
