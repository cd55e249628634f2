import { isUtf8 } from "node:buffer";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { badRequest, wrongType } from "./errors.ts";

/** Deeper than any body of ours; a parser that recurses would otherwise be led to the end of its stack. */
export const MAX_DEPTH = 32;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const CHARSET = /;\s*charset="?([^";\s]+)/i;

/**
 * Replaces Fastify's lenient parsers: JSON as described at `parseJson`; forms where a route has `config.form`, which is
 * the login that OAuth 2 clients use; CSV where it has `config.csv`. Anything else is 415.
 */
export function installBodyParsers(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) => {
    attempt(done, () => readJson(request, body as Buffer));
  });
  app.addContentTypeParser("text/csv", { parseAs: "buffer" }, (request, body, done) => {
    attempt(done, () => readCsv(request, body as Buffer));
  });
  app.addContentTypeParser("application/x-www-form-urlencoded", { parseAs: "buffer" }, (request, body, done) => {
    attempt(done, () => readForm(request, body as Buffer));
  });
}

function readJson(request: FastifyRequest, body: Buffer): unknown {
  if (request.routeOptions.config.csv === true) throw wrongType();
  requireUtf8(request);
  // Clients that always say "JSON" send nothing along with a POST that takes nothing.
  if (body.length === 0 && request.routeOptions.schema?.body === undefined) return undefined;
  return parseJson(body);
}

function readForm(request: FastifyRequest, body: Buffer): Record<string, string> {
  if (request.routeOptions.config.form !== true) throw wrongType();
  requireUtf8(request);
  return parseForm(body);
}

function readCsv(request: FastifyRequest, body: Buffer): string {
  if (request.routeOptions.config.csv !== true) throw wrongType();
  requireUtf8(request);
  const text = decode(body);
  const mistake = mistakeInText(text);
  if (mistake !== undefined) throw badRequest({ detail: mistake });
  return text;
}

function requireUtf8(request: FastifyRequest): void {
  const charset = CHARSET.exec(request.headers["content-type"] ?? "")?.[1];
  if (charset !== undefined && charset.toLowerCase() !== "utf-8")
    throw wrongType({ detail: "the only charset is UTF-8" });
}

// Calling `done` inside of the try would send what goes wrong behind it back to `done` a second time.
function attempt(done: (error: Error | null, body?: unknown) => void, read: () => unknown): void {
  let body: unknown;
  try {
    body = read();
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, body);
}

/**
 * Parses a JSON body (RFC 8259) strictly.
 * @throws badRequest (400) for broken UTF-8 or JSON, NUL and lone surrogates in text, nesting deeper than 32, and the
 *   names `__proto__` and `constructor`, with which a body could reach into objects that are not its own
 */
export function parseJson(body: Buffer): unknown {
  const text = decode(body);
  if (depthOf(body) > MAX_DEPTH) throw badRequest({ detail: `the body nests deeper than ${MAX_DEPTH} levels` });
  let suspicious: string | undefined;
  const parsed = parse(text, (name, value) => {
    if (name === "__proto__" || name === "constructor") suspicious ??= `the name ${name} is not allowed`;
    suspicious ??= mistakeInText(name) ?? (typeof value === "string" ? mistakeInText(value) : undefined);
  });
  if (suspicious !== undefined) throw badRequest({ detail: suspicious });
  return parsed;
}

/** Parses a form body; of fields that come twice, the last one counts, as with JSON's names. */
export function parseForm(body: Buffer): Record<string, string> {
  const text = decode(body);
  requirePercentEncoding(text);
  const fields: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, value] of new URLSearchParams(text)) {
    const mistake = mistakeInText(name) ?? mistakeInText(value);
    if (mistake !== undefined) throw badRequest({ detail: mistake });
    fields[name] = value;
  }
  return { ...fields };
}

// URLSearchParams puts U+FFFD for what it can't decode, and a password would be checked that nobody has typed.
function requirePercentEncoding(text: string): void {
  try {
    decodeURIComponent(text);
  } catch {
    throw badRequest({ detail: "the form is not percent-encoded UTF-8" });
  }
}

/** What makes a text unfit for storage, if anything does. */
export function mistakeInText(text: string): string | undefined {
  if (text.includes("\0")) return "text must not contain the character NUL";
  return text.isWellFormed() ? undefined : "text must not contain half of a surrogate pair";
}

function decode(body: Buffer): string {
  if (body.length === 0) throw badRequest({ detail: "the body is empty" });
  if (!isUtf8(body)) throw badRequest({ detail: "the body is not UTF-8" });
  return body.toString("utf8");
}

// The reviver costs time for each value, so it is used only where an escape or a byte makes a find possible.
const SUSPECT = /\0|\\u0000|\\u[dD][89a-fA-F]|__proto__|constructor|\\u00[5-7]/;

function parse(text: string, look: (name: string, value: unknown) => void): unknown {
  try {
    if (!SUSPECT.test(text)) return JSON.parse(text);
    return JSON.parse(text, (name, value: unknown) => {
      look(name, value);
      return value;
    });
  } catch (error) {
    throw badRequest({ detail: `the body is not JSON: ${error instanceof Error ? wordsOf(error) : "unreadable"}` });
  }
}

// Behind these words the parser quotes the body, and whoever keeps answers would keep the password in it.
function wordsOf(error: Error): string {
  return error.message.replace(/, (?:\.{3})?".*$/s, "");
}

/** The deepest nesting of a JSON text, in one pass over its bytes and without recursion. */
export function depthOf(body: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let index = 0; index < body.length; index += 1) {
    const byte = body[index];
    if (inString) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) deepest = Math.max(deepest, (depth += 1));
    else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
  }
  return deepest;
}
