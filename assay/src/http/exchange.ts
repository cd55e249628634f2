import { type Fault, fault } from "./fault.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** What a request carries; at most one of `json`, `form` and `raw`. */
export type Content = {
  json?: unknown;
  form?: Record<string, string>;
  raw?: { type: string; bytes: string | Uint8Array<ArrayBuffer> };
  headers?: Record<string, string>;
};

/** A request as it left, with the name of the person who sent it (empty: a visitor). */
export type Sent = {
  method: Method;
  url: string;
  who: string;
  headers: Record<string, string>;
  body: string | Uint8Array<ArrayBuffer> | undefined;
};

export type Answer = { status: number; headers: Headers; text: string; tookMs: number };

export type Exchange = { sent: Sent; answer: Answer };

/** Who sends: nobody, or a person with a pass. */
export type Sender = { name: string; token: string };

/** Where requests go to, and who hears of each exchange. */
export type Line = { target: string; heard(exchange: Exchange): void };

// The first rung of the ladder of time-outs: a server that takes longer has lost its customer.
const ANSWER_WITHIN_MS = 10_000;

/**
 * Sends one request and reads the whole answer, whatever its status.
 * @param line the examined server
 * @param sender whose pass goes along; undefined: a visitor's request
 * @param request method and path as in `POST /api/v2/orders`
 * @throws Fault when there is no complete answer within 10 s
 */
export async function send(
  line: Line,
  sender: Sender | undefined,
  request: `${Method} /${string}`,
  content: Content = {},
): Promise<Exchange> {
  const sent = prepare(line.target, sender, request, content);
  const startedAt = performance.now();
  try {
    const response = await fetch(sent.url, {
      method: sent.method,
      headers: sent.headers,
      body: sent.body ?? null,
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
    });
    const text = await response.text();
    const tookMs = performance.now() - startedAt;
    const exchange = { sent, answer: { status: response.status, headers: response.headers, text, tookMs } };
    line.heard(exchange);
    return exchange;
  } catch (error) {
    throw unanswered(sent, error);
  }
}

/** Makes a request of its parts, without sending it. */
export function prepare(target: string, sender: Sender | undefined, request: string, content: Content): Sent {
  const [method, path] = splitOnce(request);
  const headers: Record<string, string> = { accept: "application/json", ...content.headers };
  if (sender !== undefined) headers["authorization"] = `Bearer ${sender.token}`;
  let body: Sent["body"];
  if (content.json !== undefined) {
    headers["content-type"] = "application/json";
    body = JSON.stringify(content.json);
  } else if (content.form !== undefined) {
    headers["content-type"] = "application/x-www-form-urlencoded";
    body = new URLSearchParams(content.form).toString();
  } else if (content.raw !== undefined) {
    headers["content-type"] = content.raw.type;
    body = content.raw.bytes;
  }
  return { method: method as Method, url: target + path, who: sender?.name ?? "", headers, body };
}

function splitOnce(request: string): [string, string] {
  const space = request.indexOf(" ");
  return [request.slice(0, space), request.slice(space + 1)];
}

/** The fault of a request that nobody answered. */
export function unanswered(sent: Sent, error: unknown): Fault {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const reason =
    error instanceof Error && error.name === "TimeoutError"
      ? `within ${ANSWER_WITHIN_MS / 1000} seconds`
      : `(${cause instanceof Error ? cause.message || cause.name : String(cause)})`;
  return fault({ sent, answer: undefined }, `${sent.method} ${sent.url} was not answered ${reason}`);
}
