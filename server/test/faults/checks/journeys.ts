import type { Check, Evidence, Journey } from "./evidence.ts";

/** A journey is told whole: each step of its orders, each piece that moved, each attempt that failed. */
export const checkJourneys: Check = (evidence) =>
  (evidence.facts.journeys ?? []).flatMap((one) => missing(evidence, one));

function missing({ snapshot }: Evidence, { correlation_id, entries }: Journey): string[] {
  const told = Map.groupBy(entries, (entry) => entry.what);
  const isMine = (row: { correlation_id: string }) => row.correlation_id === correlation_id;
  const steps = snapshot.orders.flatMap(({ id, events }) =>
    events.filter(isMine).map(({ status }) => `order ${id}: ${status}`),
  );
  const moves = snapshot.movements.filter(isMine).map(({ item_id, kind }) => `item ${item_id}: ${kind}`);
  const failures = snapshot.failures
    .filter(isMine)
    .map(({ consumer, attempt }) => `${consumer}: attempt ${attempt} failed`);
  const due = Map.groupBy([...steps, ...moves, ...failures], (what) => what);
  return [...due].flatMap(([what, times]) => {
    const count = told.get(what)?.length ?? 0;
    // Two messages of one journey may have failed alike.
    return count >= times.length
      ? []
      : [`the journey ${correlation_id} tells ${count} of ${times.length} times: ${what}`];
  });
}
