import type { CheckName } from "./judge.ts";
import { BERT, found, type Run, without } from "./right-run.ts";

/** A defect, as damage to the right run, and the checks that have to see it; the first one is there for just this. */
export type Defect = [name: string, damage: (run: Run) => void, seenBy: CheckName[]];

/** What can go wrong with orders between their reservation and their end, and with what is told of it. */
export const ENDINGS: Defect[] = [
  ["a payment was acknowledged and forgotten", (run) => (run.order(111).payment_reference = "another"), ["fulfilment"]],
  ["a parcel is not the one that was acknowledged", (run) => (run.order(111).tracking = null), ["fulfilment"]],
  ["an order was paid by nobody", (run) => without(run.history, run.call("s4", "pay")), ["fulfilment"]],
  [
    "the same payment was refused the second time",
    (run) => Object.assign(run.call("s7", "pay"), { outcome: "no", status: 409 }),
    ["fulfilment"],
  ],
  ["a reservation ended before its time", (run) => (found(run.order(112).events.at(-1)).at_ms -= 1), ["fulfilment"]],
  ["a reservation never ends", (run) => (run.snapshot.at_ms += 10_000), ["total queue"]],
  [
    "an order expired after it had been paid",
    (run) => run.order(111).events.splice(3, 0, { status: "expired", correlation_id: "b8", at_ms: 60_000 }),
    ["monotonic status", "mails"],
  ],
  [
    "what was sent is still kept",
    (run) => void (found(run.snapshot.reservations.find((row) => row.order_id === 111)).status = "open"),
    ["all or nothing", "bank"],
  ],
  [
    "what was sent is still on the shelf",
    (run) => void (found(run.snapshot.levels[2]).on_hand += 2),
    ["bank", "linearizability"],
  ],
  [
    "an expired order gave back nothing",
    (run) => {
      const release = run.snapshot.movements.find((one) => one.order_id === 112 && one.kind === "released");
      without(run.snapshot.movements, found(release));
      found(run.snapshot.levels[2]).reserved += 1;
    },
    ["cancelling", "bank", "linearizability"],
  ],
  ["a buyer was told twice", (run) => run.snapshot.mails.push({ ...found(run.snapshot.mails[0]), id: 99 }), ["mails"]],
  ["a buyer was not told", (run) => run.snapshot.mails.pop(), ["mails"]],
  ["a mail was never sent", (run) => void (found(run.snapshot.mails[0]).is_sent = false), ["mails"]],
  ["somebody else was told", (run) => void (found(run.snapshot.mails[0]).user_id = BERT), ["mails"]],
  [
    "a buyer was told what is not so",
    (run) => run.snapshot.mails.push({ ...found(run.snapshot.mails[0]), id: 99, status: "shipped" }),
    ["mails"],
  ],
  [
    "a journey does not tell of an attempt that failed",
    (run) => found(run.facts.journeys)[0]?.entries.pop(),
    ["journeys"],
  ],
  ["a journey does not tell of a step", (run) => found(run.facts.journeys)[0]?.entries.shift(), ["journeys"]],
];
