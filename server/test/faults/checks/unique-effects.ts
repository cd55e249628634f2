import { callsOf, type Check, type Evidence } from "./evidence.ts";

/**
 * Everything happened once: one order per call or key, one message per order, one reservation per order and item, one
 * step of the history per status.
 */
export const checkUniqueEffects: Check = (evidence) => [
  ...ordersTwice(evidence),
  ...messagesTwice(evidence),
  ...movementsTwice(evidence),
  ...stepsTwice(evidence),
];

function ordersTwice({ history, snapshot }: Evidence): string[] {
  const askers = new Map(
    callsOf(history, "order").map(({ id, input }) => {
      return [id, input.key === undefined ? `call ${id}` : `key ${input.key} of user ${input.user_id}`];
    }),
  );
  return repeated(
    snapshot.orders.map((order) => [askers.get(order.correlation_id) ?? `call ${order.correlation_id}`, order.id]),
    (asker, ids) => `${asker} made the orders ${ids.join(", ")}`,
  );
}

function messagesTwice({ snapshot }: Evidence): string[] {
  const messages = snapshot.placed.map(({ order_id, message_id }): [string, number] => [`${order_id}`, message_id]);
  return repeated(messages, (order, ids) => `order ${order} was published as the messages ${ids.join(", ")}`);
}

function movementsTwice({ movements }: Evidence): string[] {
  return [...movements].flatMap(([order, rows]) => {
    const moved = rows.map(({ id, item_id, kind }): [string, number] => [`item ${item_id} ${kind}`, id]);
    return repeated(moved, (what, ids) => `order ${order}: ${what} ${ids.length} times (movements ${ids.join(", ")})`);
  });
}

function stepsTwice({ snapshot }: Evidence): string[] {
  return snapshot.orders.flatMap((order) => {
    const steps = order.events.map(({ status }, index): [string, number] => [status, index]);
    return repeated(steps, (status, at) => `order ${order.id} became ${status} ${at.length} times`);
  });
}

function repeated(pairs: [string, number][], describe: (key: string, values: number[]) => string): string[] {
  const groups = Map.groupBy(pairs, ([key]) => key);
  return [...groups].flatMap(([key, group]) => {
    const values = group.map(([, value]) => value);
    return values.length > 1 ? [describe(key, values)] : [];
  });
}
