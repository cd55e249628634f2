import { callsOf, type Check, type Evidence, holdingOf } from "./evidence.ts";

/**
 * No piece comes from nothing or goes nowhere: what is available, what is held and what was sent add up to what was put
 * in; nothing was ever negative, at no step of the ledger and in no client's eyes.
 */
export const checkBank: Check = (evidence) => [
  ...unbalanced(evidence),
  ...negativeSteps(evidence),
  ...impossibleReads(evidence),
  ...wrongAdjustments(evidence),
];

function unbalanced({ facts, snapshot }: Evidence): string[] {
  const levels = new Map(snapshot.levels.map((level) => [level.item_id, level]));
  const adjusted = snapshot.movements.filter((movement) => movement.kind === "adjusted");
  const put = sums(adjusted.map((movement) => [movement.item_id, movement.on_hand_delta]));
  const piecesOf = (holding: "open" | "shipped") =>
    sums(
      snapshot.orders
        .filter((order) => holdingOf(order) === holding)
        .flatMap((order) => order.items.map((line): [number, number] => [line.product_id, line.quantity])),
    );
  const [held, sent] = [piecesOf("open"), piecesOf("shipped")];
  const open = sums(
    snapshot.reservations
      .filter((reservation) => reservation.status === "open")
      .map((reservation) => [reservation.item_id, reservation.quantity]),
  );
  return facts.products.flatMap(({ id }) => {
    const level = levels.get(id);
    if (level === undefined) return [`product ${id} has no stock level`];
    const inStock = (put.get(id) ?? 0) - (sent.get(id) ?? 0);
    const [ordered, reserved] = [held.get(id) ?? 0, open.get(id) ?? 0];
    const available = level.on_hand - level.reserved;
    return [
      ...(available + ordered === inStock
        ? []
        : [`product ${id}: ${available} available and ${ordered} held by orders, of ${inStock}`]),
      ...(level.on_hand === inStock
        ? []
        : [`product ${id}: ${level.on_hand} on hand, ${inStock} were put in and not sent`]),
      ...(level.reserved === reserved
        ? []
        : [`product ${id}: ${level.reserved} reserved, reservations of ${reserved}`]),
      ...(available >= 0 ? [] : [`product ${id}: ${available} available`]),
    ];
  });
}

function negativeSteps({ snapshot }: Evidence): string[] {
  const left = new Map<number, number>();
  return snapshot.movements.flatMap(({ id, item_id, on_hand_delta, reserved_delta }) => {
    const available = (left.get(item_id) ?? 0) + on_hand_delta - reserved_delta;
    left.set(item_id, available);
    return available < 0 ? [`movement ${id} left ${available} of product ${item_id}`] : [];
  });
}

function impossibleReads({ history, facts }: Evidence): string[] {
  const most = new Map(facts.products.map((product) => [product.id, product.stock]));
  for (const { outcome, input } of callsOf(history, "adjust")) {
    if (outcome === "no" || input.delta < 0) continue;
    most.set(input.product_id, (most.get(input.product_id) ?? 0) + input.delta);
  }
  return callsOf(history, "read_product").flatMap((call) => {
    if (call.outcome !== "ok") return [];
    const [{ product_id }, { available }] = [call.input, call.output];
    const limit = most.get(product_id) ?? 0;
    if (available >= 0 && available <= limit) return [];
    return [`${call.id} saw ${available} of product ${product_id}, of which there were never more than ${limit}`];
  });
}

/** What was put in is what was there at first and what the staff's calls put in or took out, each once. */
function wrongAdjustments({ history, facts, snapshot }: Evidence): string[] {
  const adjusted = snapshot.movements.filter((movement) => movement.kind === "adjusted");
  const calls = callsOf(history, "adjust");
  const asked = new Set(calls.map((call) => call.id));
  const done = Map.groupBy(adjusted, (movement) => movement.correlation_id);
  const groups = Map.groupBy(calls, ({ id, input }) =>
    input.key === undefined ? id : `${input.product_id} ${input.key}`,
  );
  const wrong = [...groups.values()].flatMap((group) => {
    const moved = group.flatMap((call) => done.get(call.id) ?? []);
    const sent = group.map((call) => `${call.id} (${call.outcome})`).join(", ");
    if (moved.length > 1) return [`${sent} adjusted the stock ${moved.length} times`];
    const isPromised = group.some((call) => call.outcome === "ok");
    const isPossible = group.some((call) => call.outcome !== "no");
    if (moved.length === 0) return isPromised ? [`${sent} adjusted the stock, and the ledger does not know`] : [];
    const delta = group[0]?.input.delta;
    if (moved[0]?.on_hand_delta !== delta) return [`${sent} put in ${moved[0]?.on_hand_delta} instead of ${delta}`];
    return isPossible ? [] : [`${sent} was refused, and the ledger has it`];
  });
  const seeded = sums(
    adjusted
      .filter((movement) => !asked.has(movement.correlation_id))
      .map((movement) => [movement.item_id, movement.on_hand_delta]),
  );
  const strange = facts.products.flatMap(({ id, stock }) => {
    const found = seeded.get(id) ?? 0;
    return found === stock ? [] : [`product ${id}: ${found} put in at first or by nobody, ${stock} are known of`];
  });
  return [...wrong, ...strange];
}

function sums(pairs: [number, number][]): Map<number, number> {
  const totals = new Map<number, number>();
  for (const [key, value] of pairs) totals.set(key, (totals.get(key) ?? 0) + value);
  return totals;
}
