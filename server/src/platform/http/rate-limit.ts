import type { FastifyReply, FastifyRequest } from "fastify";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
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
  /** Counts one; @throws tooMany (429) with Retry-After when the window is used up. Sets the RateLimit fields. */
  take(reply: FastifyReply, key: string): Promise<void>;
  /** Counts one without a word to the client; false when the window is used up. */
  tryTake(key: string): Promise<boolean>;
  /** Takes one back, for limits that count failures only: a hundred guesses at once must not all pass before one fails. */
  giveBack(key: string): Promise<void>;
};

/**
 * A counter for this process, with the fields of draft-ietf-httpapi-ratelimit-headers:
 * `RateLimit-Policy: "login";q=5;w=600` and `RateLimit: "login";r=3;t=540`.
 */
export function createLimiter(limit: Limit): Limiter {
  const counter = new RateLimiterMemory({ points: limit.points, duration: limit.windowSeconds, keyPrefix: limit.name });

  function announce(reply: FastifyReply, state: RateLimiterRes): void {
    const seconds = Math.ceil(state.msBeforeNext / 1_000);
    reply.header("ratelimit-policy", `"${limit.name}";q=${limit.points};w=${limit.windowSeconds}`);
    reply.header("ratelimit", `"${limit.name}";r=${Math.max(0, state.remainingPoints)};t=${seconds}`);
  }

  function refuse(reply: FastifyReply, state: RateLimiterRes): never {
    announce(reply, state);
    const seconds = Math.max(1, Math.ceil(state.msBeforeNext / 1_000));
    throw tooMany({ detail: `try again in ${seconds} s`, headers: { "retry-after": String(seconds) } });
  }

  return {
    async take(reply, key) {
      try {
        announce(reply, await counter.consume(key));
      } catch (state) {
        if (state instanceof RateLimiterRes) refuse(reply, state);
        throw state;
      }
    },
    async tryTake(key) {
      try {
        await counter.consume(key);
        return true;
      } catch (state) {
        if (state instanceof RateLimiterRes) return false;
        throw state;
      }
    },
    async giveBack(key) {
      await counter.reward(key);
    },
  };
}

/** Who is asking, as an address: the peer's, or what a trusted proxy says of it. */
export function clientAddress(request: FastifyRequest): string {
  return request.ip;
}
