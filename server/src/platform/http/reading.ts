import type { FastifyReply, FastifyRequest } from "fastify";
import type { Reading } from "#src/platform/cache/cache.ts";
import { sendBody } from "./etag.ts";
import type { ProblemFactory } from "./problem.ts";

const MS_PER_SECOND = 1_000;
/** RFC 9111 calls this field obsolete and gives no other: it says that the answer could not be checked. */
const STALE = '110 - "Response is Stale"';

/**
 * Sends what the cache gave: 200 or 304, or the problem when there is no such thing. A body that stands in while the
 * database is away says how old it is, in `Age` (seconds) and `Warning`.
 * Not async, and nothing is returned: for a body that is at hand every promise would be a large part of the work.
 */
export function sendReading(
  request: FastifyRequest,
  reply: FastifyReply,
  reading: Reading | Promise<Reading>,
  missing: ProblemFactory,
): void {
  if (!(reading instanceof Promise)) {
    send(request, reply, reading, missing);
    return;
  }
  reading.then(
    (one) => send(request, reply, one, missing),
    (error: unknown) => fail(reply, error),
  );
}

function send(request: FastifyRequest, reply: FastifyReply, { body, staleMs }: Reading, missing: ProblemFactory): void {
  if (body === undefined) {
    fail(reply, missing());
    return;
  }
  // The deadline may have answered for us.
  if (reply.sent) return;
  if (staleMs !== undefined) {
    reply.header("age", String(Math.floor(staleMs / MS_PER_SECOND))).header("warning", STALE);
  }
  sendBody(request, reply, body);
}

function fail(reply: FastifyReply, error: unknown): void {
  if (!reply.sent) void reply.send(error);
}
