import type { FastifyReply, FastifyRequest } from "fastify";
import type { Config } from "#src/config.ts";
import { clientNetwork, type Limiter, type Limits } from "./rate-limit.ts";
import type { App } from "./app.ts";

const WINDOW_SECONDS = 60;
const READS_PER_MINUTE = 600;
const WRITES_PER_MINUTE = 120;
const READING = new Set(["GET", "HEAD"]);

/**
 * In production, every user (or address, for those who are not signed in) has so many reads and writes a minute.
 * A route with `config.perMinute` has a budget of its own, or none. Elsewhere nothing is limited: people benchmark it.
 */
export function installTrafficLimits(
  app: App,
  options: { config: Pick<Config, "production" | "rateLimitScale">; limits: Limits },
): void {
  const { config, limits } = options;
  if (!config.production) return;
  const limiter = (name: string, perMinute: number): Limiter =>
    limits.create({ name, points: perMinute * config.rateLimitScale, windowSeconds: WINDOW_SECONDS });
  const reads = limiter("reads", READS_PER_MINUTE);
  const writes = limiter("writes", WRITES_PER_MINUTE);

  app.addHook("onRoute", (route) => {
    const perMinute = route.config?.perMinute;
    if (perMinute === "unlimited") return;
    const method = String(route.method);
    const shared = READING.has(method) ? reads : writes;
    const budget = perMinute === undefined ? shared : limiter(`${method} ${route.url}`, perMinute);
    const take = (request: FastifyRequest, reply: FastifyReply) => budget.take(reply, keyOf(request));
    // After the guard, which knows the user.
    route.onRequest = [...(route.onRequest === undefined ? [] : [route.onRequest].flat()), take];
  });
}

function keyOf(request: FastifyRequest): string {
  return request.user === undefined ? `address ${clientNetwork(request)}` : `user ${request.user.id}`;
}
