import type { Step } from "../linearizability/remaining.ts";
import { linearize } from "../linearizability/search.ts";
import type { StoredOrder } from "../snapshot.ts";
import { callsOf, type Check, type Evidence } from "./evidence.ts";

/**
 * The stock of each product behaved as one counter: every reservation, refusal, release, adjustment and uncached read took
 * effect at one instant, while it went on. An order's decision lies between its request and the moment at which somebody
 * first saw it; the snapshot is the last read of all. That each product alone is right is enough (Herlihy and Wing: a
 * history is linearizable if it is so for every object).
 */
export const checkLinearizability: Check = (evidence) => {
  const byProduct = Map.groupBy(stepsOf(evidence), (step) => step.product_id);
  return evidence.facts.products.flatMap(({ id, stock }) => {
    const steps = byProduct.get(id) ?? [];
    const judgement = linearize(stock, indexed(steps));
    if (judgement.verdict === "linearizable") return [];
    const { done, value, at } = judgement.stuck;
    const what = judgement.verdict === "undecided" ? "could not be decided" : "is not that of a counter";
    return [
      `product ${id}: the history of its stock ${what}: after ${done} of ${steps.length} steps ${value} are left, ` +
        `and none of these can come next: ${at.join("; ")}`,
    ];
  });
};

/** A step as this file makes it: it and what it waits for are named, because indices come last. */
type NamedStep = Omit<Step, "after"> & { product_id: number; name?: string; waitsFor?: string };

const ANY = { min: -Infinity, max: Infinity };

function stepsOf(evidence: Evidence): NamedStep[] {
  return [
    ...evidence.snapshot.orders.flatMap((order) => decisionOf(evidence, order)),
    ...reads(evidence),
    ...adjustments(evidence),
  ];
}

function indexed(steps: NamedStep[]): Step[] {
  const places = new Map(steps.flatMap(({ name }, index) => (name === undefined ? [] : [[name, index]])));
  return steps.map((step) => {
    const after = step.waitsFor === undefined ? undefined : places.get(step.waitsFor);
    return after === undefined ? step : { ...step, after };
  });
}

/** What an order did to the stock of each of its products: took, gave back, or found too little. */
function decisionOf(evidence: Evidence, order: StoredOrder): NamedStep[] {
  const start = evidence.byId.get(order.correlation_id)?.start_ms ?? -Infinity;
  const decided = { start, end: firstSeen(evidence, order.id, (seen) => seen.status !== "pending") };
  const ended = order.events.find((event) => event.status === "cancelled" || event.status === "expired");
  const wasReserved = order.events.some((event) => event.status === "reserved");
  const label = `order ${order.id}`;
  if (order.status === "rejected") {
    return order.shortfalls.map(({ product_id, requested, available }) => {
      const found = { min: available, max: Math.min(available, requested - 1) };
      return { label: `${label} finds ${available} for ${requested}`, product_id, delta: 0, ...found, ...decided };
    });
  }
  if (!wasReserved) return [];
  const taken = order.items.map(({ product_id, quantity }): NamedStep => {
    const name = `${order.id} takes ${product_id}`;
    const hint = hintOf(evidence, order.id, product_id, "reserved");
    const what = { delta: -quantity, min: quantity, max: Infinity };
    return { label: `${label} takes ${quantity}`, name, product_id, ...what, ...decided, hint };
  });
  if (ended === undefined) return taken;
  // Nobody asks for an expiry: it bears the order's own id.
  const since = evidence.byId.get(ended.correlation_id)?.start_ms ?? start;
  const when = { start: since, end: firstSeen(evidence, order.id, (seen) => seen.status === ended.status) };
  const given = order.items.map(({ product_id, quantity }): NamedStep => {
    const waitsFor = `${order.id} takes ${product_id}`;
    const hint = hintOf(evidence, order.id, product_id, "released");
    return { label: `${label} gives back ${quantity}`, waitsFor, product_id, delta: quantity, ...ANY, ...when, hint };
  });
  return [...taken, ...given];
}

function reads({ history, snapshot }: Evidence): NamedStep[] {
  const seen = callsOf(history, "read_product").flatMap((call): NamedStep[] => {
    if (call.outcome !== "ok") return [];
    const { available } = call.output;
    const found = { delta: 0, min: available, max: available, start: call.start_ms, end: call.end_ms };
    return [{ label: `${call.id} reads ${available}`, product_id: call.input.product_id, ...found }];
  });
  const last = snapshot.levels.map(({ item_id, on_hand, reserved }): NamedStep => {
    const found = { delta: 0, min: on_hand - reserved, max: on_hand - reserved };
    const when = { start: snapshot.taken_at_ms, end: Infinity };
    return { label: `the database at last has ${on_hand - reserved}`, product_id: item_id, ...found, ...when };
  });
  return [...seen, ...last];
}

/** An adjustment that was refused found too little for it; of an unknown one the ledger knows whether it was done. */
function adjustments({ history, snapshot }: Evidence): NamedStep[] {
  const done = new Map(snapshot.movements.map((movement) => [movement.correlation_id, movement]));
  const TAKEN = 409;
  return callsOf(history, "adjust").flatMap((call): NamedStep[] => {
    const { product_id, delta, key } = call.input;
    const when = { start: call.start_ms, end: call.outcome === "unknown" ? snapshot.taken_at_ms : call.end_ms };
    const label = `${call.id} adds ${delta}`;
    if (call.outcome === "no") {
      if (call.status !== TAKEN || key !== undefined) return [];
      return [{ label: `${label}, refused`, product_id, delta: 0, min: -Infinity, max: -delta - 1, ...when }];
    }
    const movement = done.get(call.id);
    // A replayed answer, or one that never happened.
    if (movement === undefined) return [];
    return [{ label, product_id, delta, min: Math.max(0, -delta), max: Infinity, ...when, hint: movement.id }];
  });
}

/** The end of the first answer that showed an order so; what nobody saw was so at the latest in the snapshot. */
function firstSeen({ sights, snapshot }: Evidence, id: number, isSo: (order: { status: string }) => boolean): number {
  return (sights.get(id) ?? []).find((sight) => isSo(sight.order))?.call.end_ms ?? snapshot.taken_at_ms;
}

function hintOf({ movements }: Evidence, order: number, item_id: number, kind: string): number {
  const rows = movements.get(order) ?? [];
  return rows.find((movement) => movement.item_id === item_id && movement.kind === kind)?.id ?? Infinity;
}
