import type pg from "pg";
import { keepListening, type Listening } from "#src/platform/database/listening.ts";
import { failpoint } from "#src/platform/faults/failpoint.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import { POLL_MS, type Transport } from "./transport.ts";

const CHANNEL = "shopfloor_messages";
/** At most one NOTIFY per process in this time: one inside each transaction would make all commits queue for a lock. */
const NOTIFY_GAP_MS = 5;

/** Tells everybody who listens that messages of these topics may be due. */
export async function callTopics(pool: pg.Pool, topics: Iterable<string>): Promise<void> {
  const values = [CHANNEL, [...topics].join(",")];
  await pool.query({ name: "messages_notify", text: "SELECT pg_notify($1, $2)", values });
}

/**
 * Wakes consumers by NOTIFY. A lost connection costs latency and never a message: everybody polls as well.
 * @param options.pool where NOTIFY goes out
 * @param options.url a connection of its own for LISTEN, opened with the first `listen`
 */
export function createPostgresTransport(options: { pool: pg.Pool; url: string; log: Log }): Transport {
  const listeners = new Map<string, Set<() => void>>();
  const pending = new Set<string>();
  let notifyTimer: NodeJS.Timeout | undefined;
  let lastNotifyAt = 0;
  let isNotifying = false;
  let pollTimer: NodeJS.Timeout | undefined;
  let listener: Listening | undefined;

  async function notify(): Promise<void> {
    notifyTimer = undefined;
    isNotifying = true;
    const topics = [...pending];
    pending.clear();
    try {
      await failpoint("relay.before_notify");
      await callTopics(options.pool, topics);
    } catch (error) {
      options.log.debug({ err: error }, "a wake-up was lost; consumers poll");
    }
    isNotifying = false;
    lastNotifyAt = performance.now();
    if (pending.size > 0) schedule();
  }

  // One at a time: where connections are scarce, they would queue for them instead of becoming one.
  function schedule(): void {
    if (isNotifying) return;
    notifyTimer ??= setTimeout(() => void notify(), Math.max(0, lastNotifyAt + NOTIFY_GAP_MS - performance.now()));
  }

  function callAll(topic: string): void {
    for (const onDue of listeners.get(topic) ?? []) onDue();
  }

  return {
    wake(topics) {
      for (const topic of topics) pending.add(topic);
      schedule();
    },
    listen(topic, onDue) {
      const known = listeners.get(topic);
      if (known === undefined) listeners.set(topic, new Set([onDue]));
      else known.add(onDue);
      pollTimer ??= setInterval(() => [...listeners.keys()].forEach(callAll), POLL_MS);
      listener ??= keepListening({
        url: options.url,
        log: options.log,
        channel: CHANNEL,
        onPayload: (payload) => payload.split(",").forEach(callAll),
      });
    },
    async close() {
      pending.clear();
      clearTimeout(notifyTimer);
      clearInterval(pollTimer);
      await listener?.close();
    },
  };
}
