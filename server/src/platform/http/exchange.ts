import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { RequestRecorder } from "#src/platform/telemetry/http-metrics.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { childTraceparent, traceIdOf } from "#src/platform/telemetry/trace.ts";
import { isDraining } from "./draining.ts";
import type { ServerOptions } from "./app.ts";

const CORRELATION_ID = /^[A-Za-z0-9._-]{1,64}$/;
/** As nginx has it: the client hung up before the answer was ready. It is never sent. */
const CLIENT_CLOSED_REQUEST = 499;

/** The `X-Correlation-ID` of the request when it is a decent one, else a new one. */
export function correlationIdOf(request: { headers: IncomingMessage["headers"] }): string {
  const sent = request.headers["x-correlation-id"];
  return typeof sent === "string" && CORRELATION_ID.test(sent) ? sent : randomUUID();
}

/** Who and what this request is, for whatever it causes; made when somebody asks. */
export function originOf(request: FastifyRequest): Origin {
  const { exchange } = request;
  exchange.origin ??= {
    correlation_id: request.id,
    traceparent: exchange.traceparent,
    user_id: request.user?.id ?? null,
    cause: null,
  };
  return exchange.origin;
}

/** The headers that every answer carries, whatever becomes of the request. */
export function securityHeaders(publicUrl: string): Record<string, string> {
  return {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
    ...(publicUrl.startsWith("https:") && { "strict-transport-security": "max-age=31536000; includeSubDomains" }),
  };
}

/**
 * Gives what every request begins with: identifiers, the headers of its answer, and the one log line and the count at
 * its end. The end is the closing of the answer and not Fastify's hook, which a client that hangs up never reaches.
 */
export function exchangeStarter(options: ServerOptions): (request: FastifyRequest, reply: FastifyReply) => void {
  const headers = securityHeaders(options.config.publicUrl);
  // Masking secrets is dear, and there are none in these fields.
  const lines = options.log.child({}, { redact: [] });
  const unmatched = new Map<string, RequestRecorder>();
  const recordUnmatched = (method: string): RequestRecorder => {
    let record = unmatched.get(method);
    if (record === undefined) unmatched.set(method, (record = options.metrics.recorderOf(method, "unmatched")));
    return record;
  };

  function finish(request: FastifyRequest, reply: FastifyReply): void {
    const { exchange, raw } = request;
    const durationMs = performance.now() - exchange.startedMs;
    const status = reply.raw.headersSent ? reply.raw.statusCode : CLIENT_CLOSED_REQUEST;
    const method = raw.method ?? "";
    (exchange.route?.record ?? recordUnmatched(method))(status, durationMs / 1_000);
    lines.info(
      {
        method,
        route: exchange.route?.url ?? "unmatched",
        path: pathOf(raw.url ?? ""),
        status,
        duration_ms: Math.round(durationMs * 1_000) / 1_000,
        bytes: Number(reply.getHeader("content-length") ?? 0),
        correlation_id: request.id,
        trace_id: traceIdOf(exchange.traceparent),
        user_id: request.user?.id,
      },
      "request",
    );
  }

  return (request, reply) => {
    const traceparent = childTraceparent(request.raw.headers["traceparent"] as string | undefined);
    request.exchange = { startedMs: performance.now(), traceparent, origin: undefined, route: undefined };
    reply.headers(headers).header("x-correlation-id", request.id);
    // Clients keep connections; told to leave now, they open the next one at a process that stays.
    if (isDraining(request.server)) reply.header("connection", "close");
    reply.raw.once("close", () => finish(request, reply));
  };
}

/** Longer than every id of ours, shorter than every token; and what may be an address. */
const DOUBTFUL_SEGMENT = /[^/]{40,}|[^/]*(?:@|%40)[^/]*/gi;

// A query may hold what somebody searched for, or a token that somebody put there, and so may a path that nobody has.
function pathOf(url: string): string {
  const end = url.indexOf("?");
  return (end === -1 ? url : url.slice(0, end)).replace(DOUBTFUL_SEGMENT, "***");
}
