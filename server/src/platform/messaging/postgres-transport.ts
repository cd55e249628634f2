import pg from "pg";
import { failpoint } from "#src/platform/faults/failpoint.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import { POLL_MS, type Transport } from "./transport.ts";

const CHANNEL = "shopfloor_messages";
/** At most one NOTIFY per process in this time: one inside each transaction would make all commits queue for a lock. */
const NOTIFY_GAP_MS = 5;
const RECONNECT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
const KEEP_ALIVE_DELAY_MS = 10_000;

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
  let pollTimer: NodeJS.Timeout | undefined;
  let listener: { close(): Promise<void> } | undefined;

  async function notify(): Promise<void> {
    notifyTimer = undefined;
    lastNotifyAt = performance.now();
    const topics = [...pending].join(",");
    pending.clear();
    try {
      await failpoint("relay.before_notify");
      await options.pool.query({
        name: "messages_notify",
        text: "SELECT pg_notify($1, $2)",
        values: [CHANNEL, topics],
      });
    } catch (error) {
      options.log.debug({ err: error }, "a wake-up was lost; consumers poll");
    }
  }

  function callAll(topic: string): void {
    for (const onDue of listeners.get(topic) ?? []) onDue();
  }

  return {
    wake(topics) {
      for (const topic of topics) pending.add(topic);
      notifyTimer ??= setTimeout(() => void notify(), Math.max(0, lastNotifyAt + NOTIFY_GAP_MS - performance.now()));
    },
    listen(topic, onDue) {
      const known = listeners.get(topic);
      if (known === undefined) listeners.set(topic, new Set([onDue]));
      else known.add(onDue);
      pollTimer ??= setInterval(() => [...listeners.keys()].forEach(callAll), POLL_MS);
      listener ??= keepListening(options, (payload) => payload.split(",").forEach(callAll));
    },
    async close() {
      clearTimeout(notifyTimer);
      clearInterval(pollTimer);
      await listener?.close();
    },
  };
}

function keepListening(
  options: { url: string; log: Log },
  onPayload: (payload: string) => void,
): { close(): Promise<void> } {
  let client: pg.Client | undefined;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  async function connect(): Promise<void> {
    const fresh = new pg.Client({
      connectionString: options.url,
      application_name: "shopfloor listen",
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: CONNECT_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
    });
    client = fresh;
    let lost = false;
    const again = (error?: Error): void => {
      if (lost || closed) return;
      lost = true;
      options.log.warn({ err: error }, "not listening for wake-ups; polling goes on");
      fresh.end().catch(() => undefined);
      retry = setTimeout(() => void connect(), RECONNECT_MS);
    };
    fresh.on("error", again);
    fresh.on("end", () => again());
    fresh.on("notification", (notification) => onPayload(notification.payload ?? ""));
    try {
      await fresh.connect();
      await fresh.query(`LISTEN ${CHANNEL}`);
    } catch (error) {
      again(error instanceof Error ? error : new Error(String(error)));
    }
  }

  void connect();
  return {
    async close() {
      closed = true;
      clearTimeout(retry);
      await client?.end().catch(() => undefined);
    },
  };
}
