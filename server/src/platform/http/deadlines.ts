import type { FastifyReply } from "fastify";
import { outOfTime } from "./errors.ts";
import type { App } from "./app.ts";

/** A handler that takes longer has lost its client: gateways give up at 8 s. */
export const HANDLER_LIMIT_MS = 5_000;
const SWEEP_EVERY_MS = 250;

/**
 * Answers 503 for handlers that take too long; what they still do is not seen any more.
 * One timer for all instead of Fastify's `handlerTimeout`, which makes a timer and an abort controller for each request.
 */
export function installDeadlines(app: App, limitMs: number): void {
  const running = new Map<FastifyReply, number>();
  app.addHook("onRoute", (route) => {
    if (route.config?.endless === true) return;
    const own = route.preHandler === undefined ? [] : [route.preHandler].flat();
    route.preHandler = [watch, ...own];
  });
  app.addHook("onSend", (_request, reply, _payload, done) => {
    running.delete(reply);
    done();
  });

  function watch(_request: unknown, reply: FastifyReply, done: () => void): void {
    running.set(reply, performance.now() + limitMs);
    done();
  }

  const timer = setInterval(() => {
    const now = performance.now();
    for (const [reply, due] of running) {
      // Oldest first, and all have the same limit: the rest is younger.
      if (due > now) return;
      running.delete(reply);
      if (!reply.sent) void reply.send(outOfTime());
    }
  }, SWEEP_EVERY_MS);
  timer.unref();
  app.addHook("onClose", async () => clearInterval(timer));
}
