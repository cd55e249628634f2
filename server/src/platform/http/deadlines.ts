import type { FastifyReply } from "fastify";
import { outOfTime } from "./errors.ts";
import type { App } from "./app.ts";

/** Access and handler together; what takes longer has lost its client: gateways give up at 8 s. */
export const HANDLER_LIMIT_MS = 5_000;
const SWEEP_EVERY_MS = 250;

/**
 * Answers 503 for handlers that take too long; what they still do is not seen any more. The time in which the body
 * arrives does not count: it has a limit of its own.
 * One timer for all instead of Fastify's `handlerTimeout`, which makes a timer and an abort controller for each request.
 */
export function installDeadlines(app: App, limitMs: number): void {
  const running = new Map<FastifyReply, number>();
  const left = new WeakMap<FastifyReply, number>();
  app.addHook("onRoute", (route) => {
    if (route.config?.endless === true) return;
    route.onRequest = [begin, ...listOf(route.onRequest)];
    route.preParsing = [...listOf(route.preParsing), pause];
    route.preHandler = [resume, ...listOf(route.preHandler)];
  });
  app.addHook("onSend", (_request, reply, _payload, done) => {
    running.delete(reply);
    done();
  });

  function begin(_request: unknown, reply: FastifyReply, done: () => void): void {
    running.set(reply, performance.now() + limitMs);
    done();
  }

  function pause(_request: unknown, reply: FastifyReply, _payload: unknown, done: () => void): void {
    const due = running.get(reply);
    if (due !== undefined) left.set(reply, due - performance.now());
    running.delete(reply);
    done();
  }

  function resume(_request: unknown, reply: FastifyReply, done: () => void): void {
    running.set(reply, performance.now() + (left.get(reply) ?? limitMs));
    done();
  }

  const timer = setInterval(() => {
    const now = performance.now();
    for (const [reply, due] of running) {
      if (due > now) continue;
      running.delete(reply);
      if (!reply.sent) void reply.send(outOfTime());
    }
  }, SWEEP_EVERY_MS);
  timer.unref();
  app.addHook("onClose", async () => clearInterval(timer));
}

function listOf<Hook>(hooks: Hook | Hook[] | undefined): Hook[] {
  return hooks === undefined ? [] : ([hooks].flat() as Hook[]);
}
