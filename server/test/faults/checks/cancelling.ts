import { callsOf, type Check, describeLines, describeOutput, type Evidence } from "./evidence.ts";

const CONFLICT = 409;

/**
 * What ends before it was sent gives back what it held, all of it and exactly once: a cancelled order and an expired one.
 * Nothing else gives anything back, and nobody is told that an order is cancelled when it is not.
 */
export const checkCancelling: Check = (evidence) => [...wrongReleases(evidence), ...wrongAnswers(evidence)];

function wrongReleases({ snapshot, movements }: Evidence): string[] {
  return snapshot.orders.flatMap((order) => {
    const [taken, given] = (["reserved", "released"] as const).map((kind) =>
      describeLines(
        (movements.get(order.id) ?? [])
          .filter((movement) => movement.kind === kind)
          .map(({ item_id, reserved_delta }) => ({ product_id: item_id, quantity: Math.abs(reserved_delta) })),
      ),
    );
    const isBack = order.status === "cancelled" || order.status === "expired";
    const due = isBack ? taken : "nothing";
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
    const isCancellable = status === "reserved" || status === "pending" || status === "paid";
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
