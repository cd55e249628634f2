import { createClient } from "@redis/client";
import { createBreaker } from "./breaker.ts";
import { within } from "./deadline.ts";
import type { Log } from "#src/platform/telemetry/log.ts";

/** A command that takes longer has failed: what Redis holds only makes things faster, so nobody waits for it. */
const COMMAND_TIMEOUT_MS = 250;
const CONNECT_TIMEOUT_MS = 1_000;
const MAX_RECONNECT_PAUSE_MS = 1_000;
const RECONNECT_STEP_MS = 50;
const PING_EVERY_MS = 10_000;
const FAILURES_TO_OPEN = 3;
const PROBE_EVERY_MS = 500;

type Client = ReturnType<typeof connectRedis>;

export type Redis = {
  /** Commands fail at once while there is no connection; but to a Redis that is frozen they wait: see `ask`. */
  client: Client;
  /** Runs commands within a bound; fails at once while Redis is known not to answer. Every caller has a way without. */
  ask<T>(commands: (client: Client) => Promise<T>): Promise<T>;
  /** Whether `ask` would ask at all. */
  isAnswering(): boolean;
  /** Calls `onMessage` with what others publish on the channel, from now on and after every new connection. */
  subscribe(channel: string, onMessage: (message: string) => void): void;
  /** rejects while Redis does not answer */
  check(): Promise<void>;
  close(): Promise<void>;
};

/** Opens the way to Redis without waiting for it: a process starts and works without, and uses it once it is there. */
export function openRedis(options: { url: string; name: string; log: Log }): Redis {
  const connect = (name: string): Client =>
    connectRedis({ ...options, name, pingEveryMs: PING_EVERY_MS, sendWithinMs: COMMAND_TIMEOUT_MS });
  const client = connect(`shopfloor-${options.name}`);
  const subscribers: Client[] = [];
  const breaker = createBreaker({
    name: "Redis",
    log: options.log,
    opensAfter: FAILURES_TO_OPEN,
    probeEveryMs: PROBE_EVERY_MS,
    probe: async () => void (await within(client.ping(), COMMAND_TIMEOUT_MS)),
  });
  const isAnswering = () => client.isReady && !breaker.isOpen();
  return {
    client,
    isAnswering,
    async ask(commands) {
      if (!isAnswering()) throw new Error("Redis does not answer");
      try {
        const answer = await within(commands(client), COMMAND_TIMEOUT_MS);
        breaker.succeeded();
        return answer;
      } catch (error) {
        breaker.failed(error);
        throw error;
      }
    },
    subscribe(channel, onMessage) {
      const subscriber = connect(`shopfloor-${options.name}-${channel}`);
      subscribers.push(subscriber);
      subscriber.subscribe(channel, onMessage).catch((error: unknown) => {
        if (subscriber.isOpen) options.log.warn({ err: error, channel }, "a channel could not be subscribed to");
      });
    },
    async check() {
      await client.ping();
    },
    async close() {
      breaker.close();
      for (const one of [...subscribers, client]) if (one.isOpen) one.destroy();
    },
  };
}

/** A connection that comes back by itself for as long as it is open; meanwhile commands fail at once. */
export type RedisConnection = {
  url: string;
  /** shown by CLIENT LIST; Redis takes no spaces in it, with one it refuses every connection */
  name: string;
  log: Log;
  pingEveryMs: number;
  /** how long a command may wait until it is sent; it costs a timer for each */
  sendWithinMs?: number;
  /** how long the other end may be silent before the connection counts as dead */
  silenceMs?: number;
};

export function connectRedis({ url, name, log, pingEveryMs, sendWithinMs, silenceMs }: RedisConnection) {
  const client = createClient({
    url,
    name,
    disableOfflineQueue: true,
    pingInterval: pingEveryMs,
    ...(sendWithinMs !== undefined && { commandOptions: { timeout: sendWithinMs } }),
    socket: {
      connectTimeout: CONNECT_TIMEOUT_MS,
      ...(silenceMs !== undefined && { socketTimeout: silenceMs }),
      reconnectStrategy: (retries) => Math.min(MAX_RECONNECT_PAUSE_MS, RECONNECT_STEP_MS * 2 ** Math.min(retries, 10)),
    },
  });
  let isLost = false;
  client.on("error", (error) => {
    if (!isLost) log.warn({ err: error, redis: name }, "Redis is away; working without it");
    isLost = true;
  });
  client.on("ready", () => {
    if (isLost) log.info({ redis: name }, "Redis is back");
    isLost = false;
  });
  // Rejects only when the client is closed before it was ever connected.
  client.connect().catch(() => undefined);
  return client;
}
