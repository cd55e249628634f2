import { type Check, describeLines } from "./evidence.ts";

/** An order holds all of its lines or none: while it is reserved all of them, at any other time none. */
export const checkAllOrNothing: Check = ({ snapshot, movements }) => {
  const open = Map.groupBy(
    snapshot.reservations.filter((reservation) => reservation.status === "open"),
    (reservation) => reservation.order_id,
  );
  const wrong = snapshot.orders.flatMap((order) => {
    const wanted = describeLines(order.items);
    const held = describeLines((open.get(order.id) ?? []).map(lineOf));
    const due = order.status === "reserved" ? wanted : "nothing";
    // What was reserved before it was cancelled was all of it as well.
    const taken = describeLines(
      (movements.get(order.id) ?? [])
        .filter((movement) => movement.kind === "reserved")
        .map((movement) => ({ product_id: movement.item_id, quantity: movement.reserved_delta })),
    );
    const wasReserved = order.events.some((event) => event.status === "reserved");
    return [
      ...(held === due ? [] : [`order ${order.id} (${wanted}) is ${order.status} and holds ${held}`]),
      ...(taken === (wasReserved ? wanted : "nothing") ? [] : [`order ${order.id} (${wanted}) was given ${taken}`]),
    ];
  });
  const known = new Set(snapshot.orders.map((order) => order.id));
  const orphans = [...open].filter(([order]) => !known.has(order));
  return [
    ...wrong,
    ...orphans.map(([order, rows]) => `${describeLines(rows.map(lineOf))} are held by no order (${order})`),
  ];
};

function lineOf(reservation: { item_id: number; quantity: number }) {
  return { product_id: reservation.item_id, quantity: reservation.quantity };
}
