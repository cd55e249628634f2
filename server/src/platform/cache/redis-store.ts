import { randomUUID } from "node:crypto";
import { RESP_TYPES } from "@redis/client";
import type { Redis } from "#src/platform/redis.ts";
import { lifetimeMs, type Loaded, MAX_STALE_MS, NEGATIVE_MS } from "./cache.ts";

/** Whoever got the right to store a body has so long to come with it. */
const LEASE_MS = 5_000;
/** Longer than any transaction can take from here to its end; afterwards a writer that died holds nobody up. */
const MARK_MS = 30_000;
const WRITING = "W";

/**
 * `fresh`: take it. `leased`: load it and store it with this lease. `busy`: load it; whoever holds `lease` will store it.
 * `writing`: load it, and share the load with nobody. `old`: what was there until its time was over.
 */
export type Found =
  | { state: "fresh"; body: Loaded; ageMs: number }
  | { state: "leased" | "busy" | "writing"; lease: string; body: Loaded; ageMs: number };

export type Store = ReturnType<typeof createStore>;

/**
 * Bodies in Redis. A key has a hash (`e` tag, `b` body, `t` stored at, `f` fresh until) and beside it either a lease or
 * the mark of a writer. A body is stored only by the holder of the lease that is still there: a change takes the lease
 * away, so a reader that was slower than the change stores nothing.
 */
export function createStore(redis: Redis, freshMs: number | undefined) {
  // The client's own time-out makes a timer for each command and ends none that was sent.
  const client = redis.client.withCommandOptions({ typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } });
  const digests = new Map<string, Promise<string>>();

  async function run(script: string, key: string, values: (string | Buffer)[]): Promise<unknown> {
    const options = { keys: [key, `${key}:lease`], arguments: values };
    let digest = digests.get(script);
    if (digest === undefined) {
      digest = client.scriptLoad(script).then(String);
      digests.set(script, digest);
      digest.catch(() => digests.delete(script));
    }
    try {
      return await client.evalSha(await digest, options);
    } catch (error) {
      // A Redis that was started anew knows no scripts.
      if (!(error instanceof Error) || !error.message.startsWith("NOSCRIPT")) throw error;
      return await client.eval(script, options);
    }
  }

  return {
    async look(key: string): Promise<Found> {
      const token = randomUUID();
      const reply = (await run(LOOK, key, [token, String(LEASE_MS)])) as [Buffer, Buffer, Buffer?, Buffer?, number?];
      const [state, lease, etag, bytes, age = 0] = reply;
      const known = etag !== undefined && bytes !== undefined && etag.length > 0;
      const body = known ? { etag: etag.toString(), bytes } : undefined;
      if (state.toString() === "fresh") return { state: "fresh", body, ageMs: age };
      const holder = lease.toString();
      if (holder.startsWith(WRITING)) return { state: "writing", lease: holder, body, ageMs: age };
      return { state: holder === token ? "leased" : "busy", lease: holder, body, ageMs: age };
    },
    /** Stores what was loaded with this lease, unless it was taken away meanwhile. */
    async store(key: string, lease: string, body: Loaded): Promise<void> {
      const fresh = Math.round(lifetimeMs(body, freshMs));
      const keep = body === undefined ? NEGATIVE_MS : MAX_STALE_MS;
      await run(STORE, key, [lease, body?.etag ?? "", body?.bytes ?? "", String(fresh), String(keep)]);
    },
    /** Takes the body away and keeps others from storing one until `unmark`. @returns what `unmark` wants */
    async mark(keys: Iterable<string>): Promise<string> {
      const token = `${WRITING}${randomUUID()}`;
      await Promise.all(Array.from(keys, (key) => run(MARK, key, [token, String(MARK_MS)])));
      return token;
    },
    /** Takes away whatever is there, but the marks of other writers. */
    async unmark(keys: Iterable<string>, token: string): Promise<void> {
      await Promise.all(Array.from(keys, (key) => run(UNMARK, key, [token])));
    },
  };
}

const NOW = `local t = redis.call('TIME'); local now = t[1] * 1000 + math.floor(t[2] / 1000)`;

const LOOK = `${NOW}
local h = redis.call('HMGET', KEYS[1], 'e', 'b', 't', 'f')
if h[1] and now < tonumber(h[4]) then return {'fresh', '', h[1], h[2], now - h[3]} end
local lease = redis.call('GET', KEYS[2])
if not lease then
  lease = ARGV[1]
  redis.call('SET', KEYS[2], lease, 'PX', ARGV[2])
end
if h[1] then return {'old', lease, h[1], h[2], now - h[3]} end
return {'none', lease}`;

const STORE = `${NOW}
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[1], 'e', ARGV[2], 'b', ARGV[3], 't', now, 'f', now + ARGV[4])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return 1`;

const MARK = `redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return 1`;

const UNMARK = `redis.call('DEL', KEYS[1])
local held = redis.call('GET', KEYS[2])
if held and (held == ARGV[1] or string.sub(held, 1, 1) ~= '${WRITING}') then redis.call('DEL', KEYS[2]) end
return 1`;
