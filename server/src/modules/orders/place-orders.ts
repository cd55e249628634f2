import { priceProducts } from "#src/modules/catalogue/public.ts";
import type { Outcome } from "#src/platform/database/coalesce.ts";
import type { Trx } from "#src/platform/database/database.ts";
import {
  type Answer,
  answerOf,
  claimKeys,
  keyReused,
  type KeyUse,
  storeAnswers,
} from "#src/platform/database/idempotency.ts";
import { publish } from "#src/platform/messaging/publish.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { orderPlaced } from "./events.ts";
import { type PricedOrder, priceOrder } from "./price-order.ts";
import { insertOrders } from "./repository.ts";
import type { NewOrderLine, PlacedOrder } from "./schemas.ts";

export type PlaceOrder = { origin: Origin; user_id: number; items: NewOrderLine[]; use: KeyUse | undefined };
type Placing = Outcome<Answer<PlacedOrder>>;

/**
 * Places many orders in one transaction; one order is a batch of one. Prices are fixed here, stock is not looked at:
 * that is the worker's business. Who is refused is told so by an outcome and does not disturb the others.
 */
export async function placeOrders(trx: Trx, commands: PlaceOrder[]): Promise<Placing[]> {
  const firsts = firstOfEachKey(commands);
  const outcomes = await recallAnswers(trx, firsts);
  const fresh = firsts.filter((command) => !outcomes.has(command));
  const prices = await priceProducts(trx, [
    ...new Set(fresh.flatMap(({ items }) => items.map((item) => item.product_id))),
  ]);

  const accepted: (PricedOrder & { command: PlaceOrder })[] = [];
  for (const command of fresh) {
    const priced = priceOrder(command.items, prices);
    if ("error" in priced) outcomes.set(command, priced);
    else accepted.push({ command, ...priced.value });
  }
  const placed = await insertOrders(trx, accepted);
  await publish(
    trx,
    orderPlaced,
    placed.map(({ command, order }) => ({ origin: command.origin, payload: { order_id: order.id } })),
  );
  const answered = placed.map(({ command, order }) => {
    return { command, answer: { status: 202, location: `/api/v2/orders/${order.id}`, body: order } };
  });
  for (const { command, answer } of answered) outcomes.set(command, { value: answer });
  await storeAnswers(
    trx,
    answered.flatMap(({ command: { use }, answer }) => (use === undefined ? [] : [{ use, answer }])),
  );
  return commands.map((command) => outcomeOf(command, firsts, outcomes));
}

// A session holds its own advisory locks again and again, so that two requests with one key in one batch would both
// think themselves first: they are folded before.
function firstOfEachKey(commands: PlaceOrder[]): PlaceOrder[] {
  const seen = new Set<string>();
  return commands.filter(({ use }) => {
    if (use === undefined) return true;
    const key = sameKey(use);
    return seen.has(key) ? false : seen.add(key);
  });
}

function sameKey(use: KeyUse): string {
  return JSON.stringify([use.user_id, use.route, use.key]);
}

async function recallAnswers(trx: Trx, commands: PlaceOrder[]): Promise<Map<PlaceOrder, Placing>> {
  const outcomes = new Map<PlaceOrder, Placing>();
  const keyed = commands.flatMap((command) => (command.use === undefined ? [] : [{ command, use: command.use }]));
  if (keyed.length === 0) return outcomes;
  const claims = await claimKeys<PlacedOrder>(
    trx,
    keyed.map(({ use }) => use),
  );
  keyed.forEach(({ command }, index) => {
    try {
      const earlier = answerOf(claims[index] ?? "fresh");
      if (earlier !== undefined) outcomes.set(command, { value: earlier });
    } catch (error) {
      outcomes.set(command, { error });
    }
  });
  return outcomes;
}

function outcomeOf(command: PlaceOrder, firsts: PlaceOrder[], outcomes: Map<PlaceOrder, Placing>): Placing {
  const own = outcomes.get(command);
  if (own !== undefined) return own;
  const { use } = command;
  const first = use && firsts.find((other) => other.use !== undefined && sameKey(other.use) === sameKey(use));
  const shared = first && outcomes.get(first);
  if (shared === undefined) return { error: new Error("an order of the batch got no outcome") };
  if (first?.use?.fingerprint !== use?.fingerprint) return { error: keyReused() };
  return "error" in shared ? shared : { value: { ...shared.value, replayed: true } };
}
