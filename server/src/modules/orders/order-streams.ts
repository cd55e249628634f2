import { Readable } from "node:stream";
import { findLiveUsers } from "#src/modules/identity/public.ts";
import type { Context } from "#src/platform/context.ts";
import { tooMany, unavailable } from "#src/platform/http/errors.ts";
import type { User } from "#src/platform/http/app.ts";
import { ORDERS_MOVED } from "./events.ts";
import { listEventsAfter, type NumberedEvent } from "./repository.ts";
import { isFinal } from "./transitions.ts";
import { maySee } from "./visibility.ts";

/** Open at once in a process; each costs a connection. */
const MAX_STREAMS = 1_000;
const MAX_STREAMS_OF_USER = 10;
/** Between signs of life; gateways hang up on who says nothing for a minute. Who listens is asked for again as often. */
const HEARTBEAT_MS = 15_000;
/** Whoever leaves more than this unread is cut off, and may come again with the last id. */
const MAX_UNREAD_BYTES = 16_384;
const RETRY_AFTER_SECONDS = 5;

type Listener = { order: { id: number; user_id: number }; user: User; after: number; out: Readable; isOver: boolean };
export type OrderStreams = {
  /**
   * Opens a stream of server-sent events (WHATWG HTML, 9.2) with the history of an order, from the one after `after` on.
   * @throws tooMany (429) when this user has enough of them, unavailable (503) when the process has
   */
  open(listening: Omit<Listener, "out" | "isOver">): Readable;
  /** Ends all of them: clients come again elsewhere, with the last id that they have seen. */
  close(): void;
};

/**
 * The streams of one process. A commit anywhere wakes it, and polling stands behind that; then one statement reads what
 * is new for all of them, however many there are, and one asks whether those who are to hear it still may.
 */
export function createOrderStreams(context: Context): OrderStreams {
  const listeners = new Set<Listener>();
  let heartbeat: NodeJS.Timeout | undefined;
  let isListening = false;
  let isReading = false;
  let isCalled = false;

  function call(): void {
    isCalled = true;
    if (isReading) return;
    isReading = true;
    void readAll().finally(() => (isReading = false));
  }

  async function readAll(): Promise<void> {
    try {
      while (isCalled && listeners.size > 0) {
        isCalled = false;
        await tellNews(context, listeners);
      }
    } catch (error) {
      context.log.warn({ err: error }, "the history of orders could not be read for their streams; trying again");
    }
  }

  function beat(): void {
    for (const { out, isOver } of listeners) {
      if (isOver) continue;
      if (out.readableLength > MAX_UNREAD_BYTES) out.destroy();
      else out.push(":\n\n");
    }
    removeUnwelcome(context, [...listeners]).catch((error: unknown) => {
      // Not known who may still listen: nobody may.
      context.log.warn({ err: error }, "who listens to orders could not be asked for; all streams end");
      for (const { out } of listeners) out.destroy();
    });
  }

  function start(): void {
    heartbeat ??= setInterval(beat, HEARTBEAT_MS).unref();
    if (!isListening) context.listen(ORDERS_MOVED, call);
    isListening = true;
  }

  return {
    open(listening) {
      refuseTooMany(listeners, listening.user.id);
      start();
      const out = new Readable({ read: () => undefined });
      const listener = { ...listening, out, isOver: false };
      const life = setTimeout(() => end(listener), context.config.orderStreamSeconds * 1_000);
      listeners.add(listener);
      out.once("close", () => {
        clearTimeout(life);
        listeners.delete(listener);
      });
      // The head goes out with the first bytes, so that who listens knows at once that it does.
      out.push(":\n\n");
      call();
      return out;
    },
    close() {
      clearInterval(heartbeat);
      for (const listener of listeners) end(listener);
    },
  };
}

function refuseTooMany(listeners: Set<Listener>, user_id: number): void {
  const headers = { "retry-after": String(RETRY_AFTER_SECONDS) };
  const own = [...listeners].filter(({ user }) => user.id === user_id).length;
  if (own >= MAX_STREAMS_OF_USER) throw tooMany({ detail: `${own} streams are open`, headers });
  if (listeners.size >= MAX_STREAMS) throw unavailable({ detail: "too many streams are open", headers });
}

async function tellNews(context: Context, listeners: Set<Listener>): Promise<void> {
  const known = [...listeners];
  const seen = known.map(({ order, after }) => ({ order_id: order.id, after }));
  const news = Map.groupBy(await listEventsAfter(context.db, seen), (event) => event.order_id);
  const concerned = known.filter(({ order }) => news.has(order.id));
  if (concerned.length === 0) return;
  await removeUnwelcome(context, concerned);
  for (const listener of concerned) tell(listener, news.get(listener.order.id) ?? []);
}

function tell(listener: Listener, events: NumberedEvent[]): void {
  for (const event of events) {
    if (listener.isOver || listener.out.destroyed || event.id <= listener.after) continue;
    listener.after = event.id;
    listener.out.push(textOf(event));
    if (isFinal(event.status)) end(listener);
  }
}

/** Ends a stream once; what is pushed behind its end would be an error. */
function end(listener: Listener): void {
  if (listener.isOver) return;
  listener.isOver = true;
  listener.out.push(null);
}

/** An event as it is sent; its data has no line breaks, as JSON has none. */
function textOf({ id, ...event }: NumberedEvent): string {
  return `id: ${id}\nevent: status\ndata: ${JSON.stringify(event)}\n\n`;
}

/** Cuts off those whose session is over by now, or whose role no longer lets them see the order. */
async function removeUnwelcome({ db }: Context, listeners: Listener[]): Promise<void> {
  if (listeners.length === 0) return;
  const users = await findLiveUsers(
    db,
    listeners.map(({ user }) => user.session_id),
  );
  for (const { user, order, out } of listeners) {
    const now = users.get(user.session_id);
    if (now === undefined || !maySee(now, order)) out.destroy();
  }
}
