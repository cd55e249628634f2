import type { FastifyReply, FastifyRequest } from "fastify";
import { isDraining } from "./draining.ts";

const finished = new WeakSet<object>();

/**
 * Makes a request the last one of its connection. Node reads requests that were sent in one go before the first is
 * answered; after a head that two readers may read in two ways, the next request may be one that nobody sent.
 */
export function makeLast(request: FastifyRequest, reply: FastifyReply): void {
  finished.add(request.raw.socket);
  reply.header("connection", "close");
}

/** Whether it came after the last one, and so must not be processed (RFC 9112, 9.6). */
export function isAfterLast(request: FastifyRequest): boolean {
  return finished.has(request.raw.socket);
}

/**
 * Fastify closes the connection after every body that can't be parsed, because the client may still be sending it. When
 * all of it has arrived nothing is doubtful, and a request behind it would be processed and its answer lost.
 */
export function keepOpenAfterWholeBody(request: FastifyRequest, reply: FastifyReply): void {
  if (!request.raw.complete || isAfterLast(request) || isDraining(request.server)) return;
  reply.removeHeader("connection");
}
