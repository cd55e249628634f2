import { type Check, describeLines, holdingOf } from "./evidence.ts";

/** An order holds all of its lines or none, and takes all of them along or none; its status says which. */
export const checkAllOrNothing: Check = ({ snapshot, movements }) => {
  const rowsOf = (status: "open" | "shipped") =>
    Map.groupBy(
      snapshot.reservations.filter((reservation) => reservation.status === status),
      (reservation) => reservation.order_id,
    );
  const [open, shipped] = [rowsOf("open"), rowsOf("shipped")];
  const wrong = snapshot.orders.flatMap((order) => {
    const wanted = describeLines(order.items);
    const held = describeLines((open.get(order.id) ?? []).map(lineOf));
    const left = describeLines((shipped.get(order.id) ?? []).map(lineOf));
    const due = holdingOf(order) === "open" ? wanted : "nothing";
    const gone = holdingOf(order) === "shipped" ? wanted : "nothing";
    // What was reserved before it was cancelled was all of it as well.
    const taken = describeLines(
      (movements.get(order.id) ?? [])
        .filter((movement) => movement.kind === "reserved")
        .map((movement) => ({ product_id: movement.item_id, quantity: movement.reserved_delta })),
    );
    const wasReserved = order.events.some((event) => event.status === "reserved");
    return [
      ...(held === due ? [] : [`order ${order.id} (${wanted}) is ${order.status} and holds ${held}`]),
      ...(left === gone ? [] : [`order ${order.id} (${wanted}) is ${order.status} and took ${left} along`]),
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
