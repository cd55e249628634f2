import { createHmac } from "node:crypto";
import { isIPv6 } from "node:net";
import type { FastifyReply, FastifyRequest } from "fastify";
import { RateLimiterRes } from "rate-limiter-flexible";
import type { Counters } from "./counters.ts";
import { tooMany } from "./errors.ts";

export type Limit = {
  name: string;
  /** how many in a window */
  points: number;
  windowSeconds: number;
};

/** Where counters live: one for the whole service where it can be had. */
export type Limits = {
  create(limit: Limit): Limiter;
};

export type Limiter = {
  /**
   * Counts one; @throws tooMany (429) with Retry-After when the window is used up. Sets the RateLimit fields.
   * @param onRefusal called at the first refusal of a window, and not at those that follow
   */
  take(reply: FastifyReply, key: string, onRefusal?: () => Promise<void>): Promise<void>;
  /** Counts one without a word to the client; false when the window is used up. */
  tryTake(key: string): Promise<boolean>;
  /** Takes one back, for limits that count failures only: a hundred guesses at once must not all pass before one fails. */
  giveBack(key: string): Promise<void>;
  /** Forgets what was counted. */
  clear(key: string): Promise<void>;
};

/**
 * Limits that count where `counters` says, with the fields of draft-ietf-httpapi-ratelimit-headers:
 * `RateLimit-Policy: "login";q=5;w=600` and `RateLimit: "login";r=3;t=540`.
 * @param secret what keys are hashed with, so that no store ever holds an e-mail or a network address
 */
export function createLimits(counters: Counters, secret: string): Limits {
  return { create: (limit) => createLimiter(limit, { counters, secret }) };
}

function createLimiter(limit: Limit, { counters, secret }: { counters: Counters; secret: string }): Limiter {
  const counter = counters(limit);
  const hashed = (key: string) => createHmac("sha256", secret).update(`${limit.name}\n${key}`).digest("base64url");

  /** The state after this one was counted; `remainingPoints` is below 0 never, `consumedPoints` goes beyond the limit. */
  async function count(key: string): Promise<RateLimiterRes> {
    try {
      return await counter.consume(hashed(key));
    } catch (state) {
      if (state instanceof RateLimiterRes) return state;
      throw state;
    }
  }

  return {
    async take(reply, key, onRefusal) {
      const state = await count(key);
      const seconds = Math.max(1, Math.ceil(state.msBeforeNext / 1_000));
      reply.header("ratelimit-policy", `"${limit.name}";q=${limit.points};w=${limit.windowSeconds}`);
      reply.header("ratelimit", `"${limit.name}";r=${Math.max(0, state.remainingPoints)};t=${seconds}`);
      if (state.consumedPoints <= limit.points) return;
      if (state.consumedPoints === limit.points + 1) await onRefusal?.();
      throw tooMany({ detail: `try again in ${seconds} s`, headers: { "retry-after": String(seconds) } });
    },
    async tryTake(key) {
      return (await count(key)).consumedPoints <= limit.points;
    },
    async giveBack(key) {
      const state = await counter.reward(hashed(key));
      // The window ended in between: what was taken from the last one must not be a present to the next.
      if (state.consumedPoints < 0) await counter.delete(hashed(key));
    },
    async clear(key) {
      await counter.delete(hashed(key));
    },
  };
}

// How a socket that listens on IPv6 writes an IPv4 address (RFC 4291, 2.5.5.2).
const MAPPED = /^::ffff:(?=\d+\.)/i;
/** What a provider gives to one customer is a /64 at least (RFC 6177), in which he takes whatever address he likes. */
const NETWORK_GROUPS = 4;
const ALL_GROUPS = 8;

/** Who is asking, as an address: the peer's, or what a trusted proxy says of it. */
export function clientAddress(request: FastifyRequest): string {
  return request.ip.replace(MAPPED, "");
}

/** Who is asking, for limits: an IPv4 address, or the /64 of an IPv6 address; its other half costs nothing to change. */
export function clientNetwork(request: FastifyRequest): string {
  const address = clientAddress(request);
  if (!isIPv6(address)) return address;
  // As a URL writes it: in lower case, without leading zeros, an IPv4 address within it in groups. A zone is ours alone.
  const { hostname } = new URL(`http://[${address.split("%")[0]}]`);
  const [head, tail] = hostname
    .slice(1, -1)
    .split("::")
    .map((part) => part.split(":").filter(Boolean));
  const zeros = Array<string>(ALL_GROUPS - (head?.length ?? 0) - (tail?.length ?? 0)).fill("0");
  return `${[...(head ?? []), ...zeros].slice(0, NETWORK_GROUPS).join(":")}::/64`;
}
