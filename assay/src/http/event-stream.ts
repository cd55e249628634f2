import { type Answer, type Content, type Exchange, type Line, prepare, type Sender, unanswered } from "./exchange.ts";
import { fault } from "./fault.ts";

/** One server-sent event; `id` is the last one that the server named, also where this event repeats none. */
export type StreamedEvent = { id: string; data: string };

/** What somebody hears who follows something. `events` and `hasEnded` grow while it is open. */
export type EventStream = {
  /** its head; of a refusal also the body */
  exchange: Exchange;
  events: StreamedEvent[];
  /** whether the server has ended it, in order */
  hasEnded: boolean;
  close(): void;
};

// As for every request: a server that takes longer has lost its customer.
const HEAD_WITHIN_MS = 10_000;

/**
 * Opens a stream of server-sent events (WHATWG HTML, 9.2) and reads on until it is closed. What is no success, or says
 * at once that there is nothing, is read as any other answer.
 * @param lastId what was heard last, to go on after it; undefined: from the beginning
 * @throws Fault when no head comes within 10 s
 */
export async function openEvents(
  line: Line,
  { sender, path, lastId }: { sender: Sender | undefined; path: `/${string}`; lastId: string | undefined },
): Promise<EventStream> {
  const headers: Content["headers"] = { accept: "text/event-stream" };
  if (lastId !== undefined) headers["last-event-id"] = lastId;
  const sent = prepare(line.target, sender, `GET ${path}`, { headers });
  const hangUp = new AbortController();
  const late = setTimeout(() => hangUp.abort(), HEAD_WITHIN_MS);
  const startedAt = performance.now();
  try {
    const response = await fetch(sent.url, { headers: sent.headers, signal: hangUp.signal });
    const text = response.status === 200 ? "" : await response.text();
    const tookMs = performance.now() - startedAt;
    const answer: Answer = { status: response.status, headers: response.headers, text, tookMs };
    const stream: EventStream = {
      exchange: { sent, answer },
      events: [],
      hasEnded: response.status !== 200,
      close: () => hangUp.abort(),
    };
    line.heard(stream.exchange);
    if (response.status === 200 && response.body !== null) void follow(stream, response.body);
    return stream;
  } catch (error) {
    throw unanswered(sent, error);
  } finally {
    clearTimeout(late);
  }
}

async function follow(stream: EventStream, body: ReadableStream<Uint8Array>): Promise<void> {
  const decoder = new TextDecoder();
  let unread = "";
  let id = "";
  try {
    for await (const bytes of body) {
      // A carriage return at the end may be half of a line break: it waits for what comes next.
      const [, whole = "", rest = ""] =
        /^([\s\S]*?)(\r?)$/.exec(unread + decoder.decode(bytes, { stream: true })) ?? [];
      const blocks = whole.replaceAll(/\r\n|\r/g, "\n").split("\n\n");
      unread = (blocks.pop() ?? "") + rest;
      for (const block of blocks) id = hear(stream, block, id);
    }
    stream.hasEnded = true;
  } catch {
    // Closed by us, or cut off: either way nothing more is heard, and only an orderly end is an end.
  }
}

/** Reads the lines up to an empty one. @returns the id that holds from here on */
function hear(stream: EventStream, block: string, known: string): string {
  let id = known;
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, field, value = ""] = /^([^:]+)(?:: ?(.*))?$/.exec(line) ?? [];
    if (field === "id") id = value;
    if (field === "data") data.push(value);
  }
  if (data.length > 0) stream.events.push({ id, data: data.join("\n") });
  return id;
}

/** A text field of an event's data. Throws a Fault when the data is no JSON object with such a field. */
export function textInEvent({ exchange }: EventStream, { data }: StreamedEvent, name: string): string {
  const value: unknown = readJson(data);
  const found: unknown = typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
  if (typeof found === "string") return found;
  throw fault(exchange, `An event of the stream should carry JSON with the text "${name}", but its data is ${data}`);
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
