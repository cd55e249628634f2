import type { IncomingMessage } from "node:http";
import { badRequest, headersTooLarge, uriTooLong, wrongType } from "./errors.ts";
import type { Problem } from "./problem.ts";

/** Clients send about 20, proxies add some. */
export const MAX_HEADERS = 100;
/** RFC 9110, section 4.1, asks for at least 8,000. */
export const MAX_URL_LENGTH = 8_000;
/** Fields that have one value; two of them mean that somebody in between reads another request than we do. */
const SINGLE = new Set([
  "authorization",
  "host",
  "content-type",
  "content-length",
  "idempotency-key",
  "x-correlation-id",
]);
const VISIBLE_ASCII = /^[\x21-\x7e]*$/;

/** What is wrong with a request's line and headers before anything looks at its route; undefined when nothing is. */
export function mistakeInHead(request: IncomingMessage): Problem | undefined {
  return mistakeInHeaders(request) ?? mistakeInUrl(request.url ?? "") ?? mistakeInFraming(request);
}

function mistakeInHeaders({ rawHeaders, headers, httpVersion }: IncomingMessage): Problem | undefined {
  if (rawHeaders.length > 2 * MAX_HEADERS) return headersTooLarge({ detail: `more than ${MAX_HEADERS} headers` });
  if (headers.host === undefined && httpVersion === "1.1") return badRequest({ detail: "the header host is missing" });
  // Node merges or drops a field that comes again, so as many names as fields means that none did.
  if (Object.keys(headers).length * 2 === rawHeaders.length) return undefined;
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? "";
    if (!SINGLE.has(name)) continue;
    if (seen.has(name)) return badRequest({ detail: `the header ${name} came twice` });
    seen.add(name);
  }
  return undefined;
}

function mistakeInUrl(url: string): Problem | undefined {
  if (url.length > MAX_URL_LENGTH) return uriTooLong();
  if (!VISIBLE_ASCII.test(url)) return badRequest({ detail: "the path and query must be percent-encoded" });
  if (!url.includes("%")) return undefined;
  if (url.includes("%00")) return badRequest({ detail: "the path or query contains the character NUL" });
  try {
    decodeURIComponent(url);
    return undefined;
  } catch {
    return badRequest({ detail: "the path or query is not percent-encoded UTF-8" });
  }
}

function mistakeInFraming(request: IncomingMessage): Problem | undefined {
  const { headers } = request;
  const coding = headers["content-encoding"];
  if (coding !== undefined && coding.toLowerCase() !== "identity") {
    return wrongType({ detail: "send the body without a content coding", headers: { "accept-encoding": "identity" } });
  }
  // Node reads only chunked; any other coding is a body whose end two readers may see at different places.
  const transfer = headers["transfer-encoding"];
  if (transfer !== undefined && transfer.toLowerCase() !== "chunked") {
    return badRequest({ detail: "the only transfer coding is chunked" });
  }
  return undefined;
}
