import { randomUUID } from "node:crypto";
import { childTraceparent } from "./trace.ts";

/**
 * Who and what caused something: made at the edge for a request, carried through the queue with every message.
 * `cause` is the id of the message that led here, null for a request.
 */
export type Origin = {
  correlation_id: string;
  /** W3C trace context, `00-<trace id>-<span id>-<flags>` */
  traceparent: string;
  user_id: number | null;
  cause: number | null;
};

/** The origin of something that no request began, or of what goes on in a known trace: a seed, a schedule, a command. */
export function newOrigin(known: { user_id?: number; correlation_id?: string; traceparent?: string } = {}): Origin {
  return {
    correlation_id: known.correlation_id ?? randomUUID(),
    traceparent: childTraceparent(known.traceparent),
    user_id: known.user_id ?? null,
    cause: null,
  };
}
