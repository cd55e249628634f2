import { setTimeout } from "node:timers/promises";
import { type CallOf, type Kind, type Kinds, type Recorder, verdictOf } from "./history.ts";
import { type Asking, ask, type Person } from "./people.ts";
import { pick, type Random } from "./random.ts";
import type { Shop } from "./shop-under-fire.ts";

export type Product = { id: number; stock: number; price_cents: number };

/** Who makes calls: one after the other, decided by numbers of its own. */
export type Actor = { person: Person; name: string; random: Random };

/** An order, and when its answer came, in milliseconds of the machine's monotonic clock. */
export type Placed = { id: number; at_ms: number };

/** What all actors of a load know: the last orders that were accepted, paid and sent. */
export type World = {
  shop: Shop;
  recorder: Recorder;
  products: Product[];
  orders: Placed[];
  paid: number[];
  shipped: number[];
  /** after so long an unpaid order expires */
  reservationMs: number;
};

const RETRY_PAUSE_MS = 150;
/** Long enough for a reservation to end among them. */
const REMEMBERED = 150;

export function remember<T>(list: T[], one: T, most = REMEMBERED): void {
  list.push(one);
  if (list.length > most) list.shift();
}

/** Sends a request to any of the APIs and records what came of it. */
export async function call<K extends Kind>(
  world: World,
  actor: Actor,
  { kind, input, path }: { kind: K; input: Kinds[K]["input"]; path: string },
): Promise<CallOf<K>> {
  const { person, name, random } = actor;
  const base = pick(random, world.shop.urls as [string, ...string[]]);
  const done = await world.recorder.call({ client: name, kind, input }, async (id) => {
    const { method = "GET", body, headers = {} } = askingOf(kind, input);
    const sent = { method, body, token: person.token, headers: { ...headers, "x-correlation-id": id } };
    const reply = await ask(`${base}${path}`, sent);
    return verdictOf<K>(reply.status, outputOf(kind, reply.body, reply.replayed));
  });
  // A client that asks a dead address again at once is only a load for the machine that starts the next process.
  if (done.outcome === "unknown") await setTimeout(RETRY_PAUSE_MS);
  return done;
}

function askingOf<K extends Kind>(kind: K, input: Kinds[K]["input"]): Asking {
  if (kind === "order") {
    const { lines, key } = input as Kinds["order"]["input"];
    const headers: Record<string, string> = key === undefined ? {} : { "idempotency-key": key };
    return { method: "POST", body: { items: lines }, headers };
  }
  if (kind === "cancel" || kind === "deliver") return { method: "POST" };
  if (kind === "pay") return { method: "POST", body: { reference: (input as Kinds["pay"]["input"]).reference } };
  if (kind === "ship") return { method: "POST", body: { tracking: (input as Kinds["ship"]["input"]).tracking } };
  if (kind === "change_price") {
    const { price_cents } = input as Kinds["change_price"]["input"];
    return { method: "PATCH", body: { price_cents } };
  }
  if (kind === "adjust") {
    const { delta } = input as Kinds["adjust"]["input"];
    return { method: "POST", body: { delta, reason: "delivery" } };
  }
  return {};
}

function outputOf(kind: Kind, body: Record<string, unknown>, replayed: boolean): unknown {
  if (kind === "list_orders") return { orders: body["data"] };
  return replayed ? { ...body, replayed } : body;
}
