import pg from "pg";
import type { Log } from "#src/platform/telemetry/log.ts";

const RECONNECT_MS = 1_000;
const CONNECT_TIMEOUT_MS = 2_000;
const KEEP_ALIVE_DELAY_MS = 10_000;
/** A connection that died without a word says nothing for ever; it is asked this often. */
const HEARTBEAT_MS = 1_000;

export type ListeningOptions = {
  url: string;
  log: Log;
  channel: string;
  onPayload(payload: string): void;
  /** After LISTEN, on the same connection, before it counts as listening: reads what was said while nobody listened. */
  onConnected?(ask: Ask): Promise<void>;
  /** From now on notifications may be missed. */
  onLost?(): void;
};

export type Ask = (text: string, values?: unknown[]) => Promise<pg.QueryResult>;
export type Listening = {
  /** Asks on the connection that listens; undefined while there is none. */
  ask(): Ask | undefined;
  close(): Promise<void>;
};

/** Keeps a connection of its own that listens on one channel; when it is lost, another one is made. */
export function keepListening(options: ListeningOptions): Listening {
  const { log, channel } = options;
  let client: pg.Client | undefined;
  let ask: Ask | undefined;
  let retry: NodeJS.Timeout | undefined;
  let heartbeat: NodeJS.Timeout | undefined;
  let closed = false;

  function lose(fresh: pg.Client, error: unknown): void {
    if (client !== fresh || closed) return;
    client = undefined;
    ask = undefined;
    clearInterval(heartbeat);
    log.warn({ err: error, channel }, "not listening to the database any more; trying again");
    fresh.end().catch(() => undefined);
    options.onLost?.();
    retry = setTimeout(() => void connect(), RECONNECT_MS);
  }

  async function connect(): Promise<void> {
    const fresh = newClient(options.url);
    client = fresh;
    fresh.on("error", (error) => lose(fresh, error));
    fresh.on("end", () => lose(fresh, undefined));
    fresh.on("notification", (notification) => options.onPayload(notification.payload ?? ""));
    const query: Ask = (text, values) => fresh.query(text, values);
    try {
      await fresh.connect();
      await query(`LISTEN ${channel}`);
      await options.onConnected?.(query);
      if (client !== fresh || closed) return;
      ask = query;
      heartbeat = setInterval(() => {
        query("SELECT").catch((error: unknown) => lose(fresh, error));
      }, HEARTBEAT_MS);
    } catch (error) {
      lose(fresh, error);
    }
  }

  void connect();
  return {
    ask: () => ask,
    async close() {
      closed = true;
      clearTimeout(retry);
      clearInterval(heartbeat);
      ask = undefined;
      await client?.end().catch(() => undefined);
    },
  };
}

function newClient(url: string): pg.Client {
  return new pg.Client({
    connectionString: url,
    application_name: "shopfloor listen",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_DELAY_MS,
  });
}
