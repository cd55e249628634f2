import { randomUUID } from "node:crypto";
import type pg from "pg";
import { keepListening, type Listening } from "#src/platform/database/listening.ts";
import type { Log } from "#src/platform/telemetry/log.ts";

const CHANNEL = "shopfloor_cache";
/** At most one round of NOTIFY per process in this time, outside of transactions: inside, all commits would queue. */
const NOTIFY_GAP_MS = 5;
const RETRY_MS = 100;
/** PostgreSQL takes payloads below 8,000 bytes. */
const MAX_PAYLOAD_BYTES = 7_900;
/** More keys than this are said as "everything". */
const MAX_KEYS = 2_000;
const EVERYTHING = "*";

export type Announcements = {
  /** Tells the other processes; best effort, the time to live stands behind it. Returns at once. */
  announce(keys: Iterable<string>): void;
  /** Whether what others announce is heard; begins to listen when it is first asked. */
  hears(): boolean;
  close(): Promise<void>;
};

type Options = {
  pool: pg.Pool;
  url: string;
  log: Log;
  onKeys(keys: string[] | "everything"): void;
  /** something may have been missed */
  onMissed(): void;
};

/** Tells the processes of one database which keys have changed, by NOTIFY. */
export function createAnnouncements(options: Options): Announcements {
  const self = randomUUID();
  const pending = new Set<string>();
  let timer: NodeJS.Timeout | undefined;
  let lastAt = 0;
  let listening: Listening | undefined;
  let closed = false;

  let isFlushing = false;

  // One at a time: where connections are scarce, rounds would queue for them instead of becoming one.
  function schedule(ms: number): void {
    if (!closed && !isFlushing) timer ??= setTimeout(() => void flush(), ms);
  }

  async function flush(): Promise<void> {
    timer = undefined;
    isFlushing = true;
    const keys = [...pending];
    pending.clear();
    let pauseMs = NOTIFY_GAP_MS;
    try {
      for (const payload of payloadsOf(self, keys)) await notify(payload);
    } catch (error) {
      options.log.debug({ err: error }, "an announcement could not be made; trying again");
      for (const key of keys) pending.add(key);
      pauseMs = RETRY_MS;
    }
    isFlushing = false;
    lastAt = performance.now();
    if (pending.size > 0) schedule(pauseMs);
  }

  function connection(): Listening {
    listening ??= keepListening({
      ...options,
      channel: CHANNEL,
      onPayload: (payload) => hear(self, payload, options),
      onLost: options.onMissed,
    });
    return listening;
  }

  // On the connection that listens: in the queue for the pool, under load, it would come too late.
  async function notify(payload: string): Promise<void> {
    const ask = connection().ask();
    const values = [CHANNEL, payload];
    if (ask !== undefined) await ask(NOTIFY, values);
    else await options.pool.query({ name: "cache_notify", text: NOTIFY, values });
  }

  return {
    announce(keys) {
      for (const key of keys) pending.add(key);
      schedule(Math.max(0, lastAt + NOTIFY_GAP_MS - performance.now()));
    },
    hears: () => connection().ask() !== undefined,
    async close() {
      closed = true;
      clearTimeout(timer);
      if (pending.size > 0) await flush();
      await listening?.close();
    },
  };
}

const NOTIFY = "SELECT pg_notify($1, $2)";

/** Tells every process at once, without a connection of its own. */
export async function tellKeys(pool: pg.Pool, keys: string[]): Promise<void> {
  for (const payload of payloadsOf(randomUUID(), keys)) {
    await pool.query({ name: "cache_notify", text: NOTIFY, values: [CHANNEL, payload] });
  }
}

function hear(self: string, payload: string, options: Options): void {
  const [sender, ...keys] = payload.split(" ");
  if (sender === self) return;
  options.onKeys(keys.includes(EVERYTHING) ? "everything" : keys);
}

function payloadsOf(self: string, keys: string[]): string[] {
  if (keys.length > MAX_KEYS) return [`${self} ${EVERYTHING}`];
  const payloads: string[] = [];
  let payload = self;
  for (const key of keys) {
    if (payload.length + key.length >= MAX_PAYLOAD_BYTES) {
      payloads.push(payload);
      payload = self;
    }
    payload += ` ${key}`;
  }
  return payload === self ? payloads : [...payloads, payload];
}
