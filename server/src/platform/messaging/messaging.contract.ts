import { expect, onTestFinished, test } from "vitest";
import { transact } from "#src/platform/database/transact.ts";
import { plantMutant } from "#src/platform/faults/mutant.ts";
import { BATCH, type EngineUnderTest, type Handle, openEngineShop } from "#test/engine-shop.ts";
import { figure } from "#test/faults/database/figure.ts";
import { until } from "#test/until.ts";
import { claimFresh, MAX_ATTEMPTS } from "./deliveries.ts";
import { pauseConsumer, resumeConsumer } from "./queues.ts";

const SHORT_PATIENCE_MS = 1_000;
/** What a broker is said to have. */
const IS_MARKED = "relayed_at IS NOT NULL AND handled_at IS NULL";
/** A server that is started again on a busy machine takes its time. */
const RESTART_LIMIT_MS = 150_000;
/** RabbitMQ has been seen to answer long before a quorum queue of one did; nothing may be lost however long it takes. */
const RECOVERED_WITHIN_MS = 90_000;

/** What every engine promises: see `docs/messaging.md`. */
export function testEngine(engine: EngineUnderTest): void {
  testEffects(engine);
  testFailures(engine);
  testWorkers(engine);
  if (engine.server !== undefined) testOutage(engine, engine.server);
}

function testEffects(engine: EngineUnderTest): void {
  test("500 messages, shuffled and doubled on their way to three workers, take effect once each", async () => {
    await using shop = await openEngineShop(engine, { mangle: true });
    const expected = Array.from({ length: 500 }, (_, n) => n);
    for (let worker = 0; worker < 3; worker += 1) await shop.startWorker((trx, messages) => shop.effect(trx, messages));
    const startedAt = performance.now();
    for (let from = 0; from < expected.length; from += 100) await shop.publish(expected.slice(from, from + 100));
    await shop.drained();
    figure(`${engine.name}: 500 messages to three workers: ${Math.round(performance.now() - startedAt)} ms`);
    expect(await shop.effects()).toEqual(expected);
    expect(await shop.count("deliveries", "attempts > 1")).toBe(0);
  });

  test("a message reaches a waiting worker at once, and not when somebody looks again", async () => {
    await using shop = await openEngineShop(engine);
    await shop.startWorker((trx, messages) => shop.effect(trx, messages));
    await shop.publish([0]);
    await shop.drained();
    const times: number[] = [];
    for (let n = 1; n <= 20; n += 1) {
      const startedAt = performance.now();
      await shop.publish([n]);
      await shop.drained();
      times.push(performance.now() - startedAt);
    }
    figure(
      `${engine.name}: published until handled, median of 20: ${Math.round(times.toSorted((a, b) => a - b)[10] ?? 0)} ms`,
    );
    expect(await shop.effects()).toHaveLength(21);
  });
}

function testFailures(engine: EngineUnderTest): void {
  test("what a handler refuses twice is tried a third time, and takes effect once", async () => {
    await using shop = await openEngineShop(engine);
    const attempts: number[] = [];
    await shop.startWorker(async (trx, messages) => {
      await shop.effect(trx, messages);
      for (const { attempt } of messages) {
        attempts.push(attempt);
        if (attempt < 3) throw new Error("not yet");
      }
    });
    await shop.publish([1]);
    await shop.drained();
    expect(attempts).toEqual([1, 2, 3]);
    expect(await shop.effects()).toEqual([1]);
    expect(await shop.count("delivery_failures")).toBe(2);
  });

  test("a poison message dies alone after its last attempt, and its neighbours take effect once", async () => {
    await using shop = await openEngineShop(engine);
    const dead: number[] = [];
    const refusing: Handle = async (trx, messages) => {
      await shop.effect(trx, messages);
      if (messages.some(({ payload }) => payload.n === 7)) throw new Error("cannot count to 7");
    };
    await shop.startWorker(refusing, (message) => void dead.push(message.attempt));
    await shop.publish(Array.from({ length: BATCH }, (_, n) => n));
    await until(async () => (await shop.count("deliveries", "handled_at IS NOT NULL")) === BATCH - 1);
    await until(async () => {
      await shop.hurry();
      return dead.length > 0;
    });
    expect(dead).toEqual([MAX_ATTEMPTS]);
    expect(await shop.effects()).toEqual(Array.from({ length: BATCH }, (_, n) => n).filter((n) => n !== 7));
    expect(await shop.count("delivery_failures")).toBe(MAX_ATTEMPTS);
  });

  test("a failure without a limit would be noticed: a poison message of such a copy never dies", async () => {
    plantMutant("nack_without_limit");
    onTestFinished(() => plantMutant(undefined));
    await using shop = await openEngineShop(engine);
    let tried = 0;
    await shop.startWorker(async () => {
      tried += 1;
      throw new Error("never");
    });
    await shop.publish([1]);
    await until(() => tried > 2 * MAX_ATTEMPTS);
    expect(await shop.count("deliveries", "dead_at IS NOT NULL")).toBe(0);
  });
}

function testWorkers(engine: EngineUnderTest): void {
  test("a worker that is stopped finishes what it has begun, and the others do the rest", async () => {
    await using shop = await openEngineShop(engine);
    const gate = Promise.withResolvers<void>();
    let begun = 0;
    const slow = await shop.startWorker(async (trx, messages) => {
      begun += 1;
      await gate.promise;
      await shop.effect(trx, messages);
    });
    await shop.publish([1]);
    await until(() => begun > 0);
    await shop.publish([2, 3, 4]);
    const draining = slow.drain();
    gate.resolve();
    await draining;
    await shop.startWorker((trx, messages) => shop.effect(trx, messages));
    await shop.drained();
    expect(await shop.effects()).toEqual([1, 2, 3, 4]);
    expect(await shop.count("delivery_failures")).toBe(0);
  });

  test("what a worker took to its grave is done by another one when its lease is over, as the second attempt", async () => {
    await using shop = await openEngineShop(engine);
    await shop.publish([1]);
    expect(await claimFresh(shop.db, shop.consumer, BATCH, 1)).toHaveLength(1);
    const attempts: number[] = [];
    await shop.startWorker(async (trx, messages) => {
      attempts.push(...messages.map(({ attempt }) => attempt));
      await shop.effect(trx, messages);
    });
    await shop.drained();
    expect(attempts).toEqual([2]);
    expect(await shop.effects()).toEqual([1]);
  });

  test("a paused consumer is given nothing, also not what is under way; resumed, it does all of it once", async () => {
    await using shop = await openEngineShop(engine);
    const gate = Promise.withResolvers<void>();
    const batches: number[] = [];
    await shop.startWorker(async (trx, messages) => {
      batches.push(messages.length);
      await gate.promise;
      await shop.effect(trx, messages);
    });
    await shop.publish([0]);
    await until(() => batches.length > 0);
    // These are on their way, and wait behind the one that is in hand.
    await shop.publish([1, 2, 3]);
    if (engine.server !== undefined) await until(async () => (await shop.count("deliveries", IS_MARKED)) === 3);
    await transact(shop.context, (trx) => pauseConsumer(trx, shop.consumer));
    gate.resolve();
    await until(async () => (await shop.effects()).length === 1);
    await shop.publish([4]);
    await until(async () => (await shop.count("deliveries", "handled_at IS NULL AND due_at <= now()")) === 4);
    expect(batches).toEqual([1]);
    await transact(shop.context, (trx) => resumeConsumer(trx, shop.consumer));
    await shop.drained();
    expect(await shop.effects()).toEqual([0, 1, 2, 3, 4]);
    expect(await shop.count("deliveries", "attempts > 1")).toBe(0);
  });
}

function testOutage(engine: EngineUnderTest, server: NonNullable<EngineUnderTest["server"]>): void {
  test(
    "while the server is dead messages are accepted and wait; when it is back all take effect once",
    async () => {
      await using shop = await openEngineShop(engine, { patienceMs: SHORT_PATIENCE_MS });
      await shop.startWorker((trx, messages) => shop.effect(trx, messages));
      await shop.publish([0, 1, 2]);
      await shop.drained();
      await shop.publish([3, 4, 5]);
      await server.kill();
      await shop.publish([6, 7, 8]);
      await server.start();
      const backAt = performance.now();
      await shop.drained(RECOVERED_WITHIN_MS);
      figure(`${engine.name}: back until drained: ${Math.round(performance.now() - backAt)} ms`);
      expect(await shop.effects()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    },
    RESTART_LIMIT_MS,
  );

  test(
    "what no server has confirmed does not count as relayed, unless it is a copy that marks too early",
    async () => {
      await using shop = await openEngineShop(engine);
      await server.kill();
      onTestFinished(() => plantMutant(undefined));
      try {
        await shop.startWorker((trx, messages) => shop.effect(trx, messages));
        await shop.publish([1]);
        await until(async () => (await shop.failures()) > 0);
        expect(await shop.count("deliveries", IS_MARKED)).toBe(0);
        plantMutant("relay_marks_before_confirm");
        await until(async () => (await shop.count("deliveries", IS_MARKED)) === 1);
      } finally {
        await server.start();
      }
    },
    RESTART_LIMIT_MS,
  );
}
