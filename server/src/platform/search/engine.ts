import { createBreaker } from "#src/platform/breaker.ts";
import type { Log } from "#src/platform/telemetry/log.ts";

/** A question that somebody waits for: past this, another way to the answer is faster. */
const QUESTION_TIMEOUT_MS = 800;
/** Writes, and what builds an index; nobody waits for them. */
const WORK_TIMEOUT_MS = 15_000;
const PROBE_TIMEOUT_MS = 1_000;
const PROBE_EVERY_MS = 500;
const FAILURES_TO_OPEN = 3;
/** A kept connection that the server has closed meanwhile fails at once; the same request on a fresh one succeeds. */
const ATTEMPTS = 2;
const MAX_REASON_LENGTH = 500;

/** The engine can't be asked now: it is down, slow, overloaded or still starting. Everybody has a way without it. */
export class EngineAway extends Error {}

/** The engine understood and refused: a mistake in what we sent, or an index that is not there. */
export class EngineRefusal extends Error {
  readonly status: number;
  /** the engine's own word for it, as `index_not_found_exception` */
  readonly type: string;
  constructor(status: number, type: string, reason: string) {
    super(`${type}: ${reason}`);
    this.status = status;
    this.type = type;
  }
}

export type Request = {
  method: "GET" | "POST" | "PUT" | "DELETE" | "HEAD";
  /** from the root, as `/items/_search`; names in it are our own or encoded */
  path: string;
  body?: object;
};

/** One line of a bulk request: what to do, and the document when there is one. */
export type BulkLine = { action: object; document?: object };

export type Engine = {
  /** Asks something that somebody waits for. @throws EngineAway at once while the engine is known to be away; EngineRefusal */
  ask(request: Request): Promise<unknown>;
  /** The same with time for what takes long. */
  work(request: Request): Promise<unknown>;
  /** Sends many writes in one request. @returns the engine's answer for each line, unjudged */
  bulk(lines: BulkLine[]): Promise<unknown>;
  /** questions so far by who answered them, for metrics; kept by whoever has another way to the answer */
  counts: { engine: number; fallback: number };
  /** rejects while the engine is away */
  check(): Promise<void>;
  close(): void;
};

/**
 * Opens the way to an Elasticsearch (8) or OpenSearch (2, 3) on plain HTTP, without waiting for it.
 * Only what both know and what the smallest of their distributions brings is used: no `GET /`, no scripts, no `_reindex`;
 * so the official clients, each of which refuses the other's server, are not needed.
 * @param options.url may carry a user and password, which are sent as Basic authentication
 */
export function openEngine(options: { url: string; log: Log }): Engine {
  const { origin, headers } = addressOf(options.url);
  const probe = async (): Promise<void> => {
    // Answered before the shards are there; only with them can anything be found.
    const path = "/_cluster/health?wait_for_status=yellow&timeout=500ms";
    await send({ method: "GET", path }, PROBE_TIMEOUT_MS);
  };
  const breaker = createBreaker({
    name: `search engine at ${origin}`,
    log: options.log,
    opensAfter: FAILURES_TO_OPEN,
    probeEveryMs: PROBE_EVERY_MS,
    probe,
  });

  const send = async (request: Request, timeoutMs: number, text?: string): Promise<unknown> => {
    const signal = AbortSignal.timeout(timeoutMs);
    const body = text ?? (request.body === undefined ? undefined : JSON.stringify(request.body));
    const type = text === undefined ? "application/json" : "application/x-ndjson";
    for (let attempt = 1; ; attempt += 1) {
      try {
        const init = { method: request.method, headers: { ...headers, "content-type": type }, signal };
        const response = await fetch(`${origin}${request.path}`, {
          ...init,
          redirect: "error",
          ...(body !== undefined && { body }),
        });
        return await read(response, request);
      } catch (error) {
        if (error instanceof EngineRefusal || error instanceof EngineAway) throw error;
        if (attempt < ATTEMPTS && !signal.aborted) continue;
        throw new EngineAway(`no answer to ${request.method} ${request.path}`, { cause: error });
      }
    }
  };
  const guarded = async (request: Request, timeoutMs: number, text?: string): Promise<unknown> => {
    if (breaker.isOpen()) throw new EngineAway("the search engine is known to be away");
    try {
      const answer = await send(request, timeoutMs, text);
      breaker.succeeded();
      return answer;
    } catch (error) {
      if (error instanceof EngineAway) breaker.failed(error);
      else breaker.succeeded();
      throw error;
    }
  };

  return {
    counts: { engine: 0, fallback: 0 },
    ask: (request) => guarded(request, QUESTION_TIMEOUT_MS),
    work: (request) => guarded(request, WORK_TIMEOUT_MS),
    bulk: (lines) => guarded({ method: "POST", path: "/_bulk" }, WORK_TIMEOUT_MS, ndjson(lines)),
    async check() {
      if (breaker.isOpen()) throw new EngineAway("the search engine is known to be away");
      try {
        await probe();
      } catch (error) {
        breaker.failed(error);
        throw error;
      }
    },
    close: () => breaker.close(),
  };
}

/** Whether the engine refused because an index or alias of that name is not there. */
export function isMissing(error: unknown): boolean {
  return error instanceof EngineRefusal && error.status === 404;
}

// `fetch` refuses addresses with a password in them.
function addressOf(text: string): { origin: string; headers: Record<string, string> } {
  const url = new URL(text);
  const { username, password } = url;
  const origin = `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
  if (username === "") return { origin, headers: {} };
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { origin, headers: { authorization: `Basic ${Buffer.from(credentials).toString("base64")}` } };
}

const BUSY = new Set([408, 429, 500, 502, 503, 504]);

async function read(response: Response, request: Request): Promise<unknown> {
  const text = await response.text();
  if (BUSY.has(response.status)) {
    throw new EngineAway(
      `${response.status} to ${request.method} ${request.path}: ${text.slice(0, MAX_REASON_LENGTH)}`,
    );
  }
  const answer = text === "" ? undefined : parse(text);
  if (response.ok) return answer;
  const { type, reason } = errorOf(answer);
  throw new EngineRefusal(response.status, type, reason.slice(0, MAX_REASON_LENGTH));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new EngineAway("an answer that is no JSON: is there something else at this address?", { cause: error });
  }
}

function errorOf(answer: unknown): { type: string; reason: string } {
  const error: unknown = (answer as { error?: unknown } | undefined)?.error;
  const { type, reason } = (typeof error === "object" && error !== null ? error : {}) as Record<string, unknown>;
  const said = typeof error === "string" ? error : "the engine gave no reason";
  return { type: typeof type === "string" ? type : "refused", reason: typeof reason === "string" ? reason : said };
}

function ndjson(lines: BulkLine[]): string {
  return lines
    .flatMap(({ action, document }) => (document === undefined ? [action] : [action, document]))
    .map((part) => `${JSON.stringify(part)}\n`)
    .join("");
}
