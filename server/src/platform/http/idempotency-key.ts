import type { FastifyReply, FastifyRequest } from "fastify";
import { type Answer, fingerprintOf, type KeyUse } from "#src/platform/database/idempotency.ts";
import { invalid } from "./errors.ts";

/** What an `Idempotency-Key` may look like: printable ASCII, no blank at its ends, which HTTP would take off. */
export const KEY_PATTERN = String.raw`^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$`;
const PRINTABLE = new RegExp(KEY_PATTERN);

/**
 * The `Idempotency-Key` of a request, bound to its user, route and body; undefined without the header.
 * @throws invalid (422) when it is empty, longer than 255, or not printable ASCII
 */
export function keyUse(request: FastifyRequest): KeyUse | undefined {
  const key = request.headers["idempotency-key"];
  if (key === undefined || request.user === undefined) return undefined;
  if (typeof key !== "string" || !PRINTABLE.test(key)) {
    throw invalid({ errors: [{ path: "Idempotency-Key", message: "must be 1 to 255 printable ASCII characters" }] });
  }
  const route = `${request.method} ${request.routeOptions.url ?? ""} ${JSON.stringify(request.params)}`;
  return { user_id: request.user.id, route, key, fingerprint: fingerprintOf(request.body) };
}

/** Sends what a use case answered, and says so when it is an earlier answer told again. */
export function sendAnswer(reply: FastifyReply, answer: Answer<unknown>): FastifyReply {
  if (answer.location !== undefined) reply.header("location", answer.location);
  if (answer.replayed === true) reply.header("idempotency-replayed", "true");
  return reply.code(answer.status).send(answer.body);
}
