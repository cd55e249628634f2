import type { Trx } from "#src/platform/database/database.ts";

/** How long a body is taken for current when nobody says otherwise; the floor under every lost invalidation. */
export const FRESH_MS = 30_000;
/** So much of it at random, so that what was stored together is not loaded again together. */
const JITTER = 0.2;
/** "There is no such thing" is kept shortly: it costs as much to ask, and whoever just created it may look for it. */
export const NEGATIVE_MS = 2_000;
/** The age up to which a body may stand in when the database can't be asked (RELIABILITY, section 4). */
export const MAX_STALE_MS = 60_000;

/** A body as it goes over the wire, with its entity tag. `text` is the same once more, made when it is first sent. */
export type Body = { bytes: Buffer; etag: string; text?: string };
/** undefined: there is no such thing */
export type Loaded = Body | undefined;
export type Load = () => Promise<Loaded>;

export type Reading = {
  body: Loaded;
  /** only when the truth can't be asked now: how old the body is, in milliseconds, at most `MAX_STALE_MS` */
  staleMs?: number;
};

/** What `transact` has to end once it knows what became of its transaction. */
export type Change = {
  /** After the commit and before anybody is told of it: from now on nobody is given what was there before. */
  committed(): Promise<void>;
  /** Rolled back, or not known: nothing old may be kept. */
  failed(): Promise<void>;
};

/**
 * Read-through cache of bodies. A reading that begins after a change was answered never shows what was there before:
 * `memory` promises it inside of one process (others follow within 250 ms), `redis` for all processes.
 */
export type Cache = {
  /**
   * The body of this key, from the cache or by `load`, which many callers share; at once when it is in this process.
   * Rejects as `load` does, unless the database is away and an old body can stand in.
   */
  get(key: string, load: Load): Reading | Promise<Reading>;
  /** Called by `transact` in the transaction that changes what these keys show, right before its commit. */
  changing(trx: Trx, keys: ReadonlySet<string>): Promise<Change>;
  /** rejects while answers can't come from the cache */
  check(): Promise<void>;
  /** readings so far by how they were answered, for metrics */
  counts: Record<Outcome, number>;
  close(): Promise<void>;
};

/** `bypassed`: by the database, because the cache can't be trusted now */
export type Outcome = "hit" | "loaded" | "joined" | "bypassed" | "stale";

export function newCounts(): Record<Outcome, number> {
  return { hit: 0, loaded: 0, joined: 0, bypassed: 0, stale: 0 };
}

/** How long this one may be taken for current, in milliseconds. @param longestMs for tests that wait for its end */
export function lifetimeMs(body: Loaded, longestMs = FRESH_MS): number {
  return (body === undefined ? Math.min(NEGATIVE_MS, longestMs) : longestMs) * (1 - JITTER * Math.random());
}
