import { callsOf, type Check, describeLines, describeOutput, type Evidence } from "./evidence.ts";

const CONFLICT = 409;

/** A cancellation gives back what the order held, all of it and exactly once; nothing else gives anything back. */
export const checkCancelling: Check = (evidence) => [
  ...wrongReleases(evidence),
  ...wrongAnswers(evidence),
  ...byNobody(evidence),
];

function wrongReleases({ snapshot, movements }: Evidence): string[] {
  return snapshot.orders.flatMap((order) => {
    const [taken, given] = (["reserved", "released"] as const).map((kind) =>
      describeLines(
        (movements.get(order.id) ?? [])
          .filter((movement) => movement.kind === kind)
          .map(({ item_id, reserved_delta }) => ({ product_id: item_id, quantity: Math.abs(reserved_delta) })),
      ),
    );
    const due = order.status === "cancelled" ? taken : "nothing";
    return given === due ? [] : [`order ${order.id} is ${order.status}, took ${taken} and gave back ${given}`];
  });
}

function wrongAnswers({ history, stored }: Evidence): string[] {
  const cancels = callsOf(history, "cancel");
  const done = Map.groupBy(
    cancels.filter((call) => call.outcome === "ok"),
    (call) => call.input.order_id,
  );
  const twice = [...done].filter(([, calls]) => calls.length > 1);
  const wrong = cancels.flatMap((call) => {
    const status = stored.get(call.input.order_id)?.status;
    if (call.outcome === "ok" && status !== "cancelled") {
      return [`order ${call.input.order_id} is ${status ?? "gone"}, ${call.id} was told that it is cancelled`];
    }
    const isCancellable = status === "reserved" || status === "pending";
    if (call.outcome !== "no" || call.status !== CONFLICT || !isCancellable) return [];
    return [
      `order ${call.input.order_id} is ${status}, and ${describeOutput(call)} was told that it can't be cancelled`,
    ];
  });
  return [
    ...twice.map(([order, calls]) => `order ${order} was cancelled by ${calls.map((call) => call.id).join(" and ")}`),
    ...wrong,
  ];
}

function byNobody({ snapshot, byId }: Evidence): string[] {
  return snapshot.orders.flatMap((order) => {
    return order.events.flatMap((event) => {
      if (event.status !== "cancelled") return [];
      const call = byId.get(event.correlation_id);
      const isAsked = call?.kind === "cancel" && call.input.order_id === order.id && call.outcome !== "no";
      return isAsked ? [] : [`order ${order.id} was cancelled, and nobody asked for it`];
    });
  });
}
