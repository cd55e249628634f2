import { randomHex } from "./random-hex.ts";

const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
const VERSION_00_LENGTH = 55;
// Version, trace id, parent id, flags; a later version may say more after another dash.
const TRACEPARENT = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$/;
const SAMPLED = 1;

export type TraceContext = { traceId: string; spanId: string; sampled: boolean };

/** Reads a `traceparent` (W3C Trace Context, section 3.2); undefined when it is none, as the standard wants it ignored. */
export function parseTraceparent(header: string | undefined): TraceContext | undefined {
  const match = header === undefined ? null : TRACEPARENT.exec(header);
  if (match === null) return undefined;
  const [text, version = "", traceId = "", spanId = "", flags = ""] = match;
  if (version === "00" && text.length !== VERSION_00_LENGTH) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & SAMPLED) === SAMPLED };
}

/** The `traceparent` of a new span: inside the caller's trace when it sent a valid one, else of a trace of its own. */
export function childTraceparent(parent: string | undefined): string {
  const trace = parseTraceparent(parent);
  const flags = trace?.sampled === false ? "00" : "01";
  return `00-${trace?.traceId ?? randomHex(TRACE_ID_BYTES)}-${randomHex(SPAN_ID_BYTES)}-${flags}`;
}

/** The trace id inside of a valid `traceparent`. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}
