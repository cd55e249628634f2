import { expect, test } from "vitest";
import { type Defect, ENDINGS } from "./damaged-endings.ts";
import { CHECK_NAMES, describeFindings, judge } from "./judge.ts";
import { ANNA, BERT, CUP, exchangeTimes, found, rightRun, type Run, without } from "./right-run.ts";

test("nothing is found in a run in which everything went right, a lost answer and a lost request among it", () => {
  expect(describeFindings(findings(rightRun()))).toBe("");
});

const DEFECTS: Defect[] = [
  ["an acknowledged order is gone", (run) => without(run.snapshot.orders, run.order(104)), ["total queue"]],
  [
    "an acknowledged order lost a line",
    (run) => run.order(101).items.pop(),
    ["total queue", "fixed prices", "all or nothing"],
  ],
  [
    "an order is not found by its buyer after it was acknowledged",
    (run) => Object.assign(run.call("a2", "read_order"), { outcome: "no", status: 404 }),
    ["total queue"],
  ],
  ["an order is there that nobody asked for", (run) => void (run.order(104).correlation_id = "b9"), ["total queue"]],
  [
    "an order is there whose request was refused",
    (run) => Object.assign(run.call("b6", "order"), { outcome: "no", status: 422 }),
    ["total queue"],
  ],
  [
    "an order waits for ever",
    (run) => Object.assign(run.order(102), { status: "pending", events: run.order(102).events.slice(0, 1) }),
    ["total queue", "monotonic status"],
  ],
  ["an order has no message", (run) => run.snapshot.placed.pop(), ["total queue"]],
  [
    "a message tells of an order that does not exist",
    (run) => run.snapshot.placed.push({ message_id: 9, order_id: 999, deliveries: 1, open: 0 }),
    ["total queue"],
  ],
  ["a message waits for ever", (run) => void (found(run.snapshot.placed[0]).open = 1), ["total queue"]],
  [
    "a key made two orders",
    (run) => run.snapshot.orders.push({ ...structuredClone(run.order(102)), id: 105, correlation_id: "b2" }),
    ["unique effects"],
  ],
  [
    "an order was published twice",
    (run) => run.snapshot.placed.push({ message_id: 9, order_id: 101, deliveries: 1, open: 0 }),
    ["unique effects"],
  ],
  [
    "an order was reserved twice",
    (run) => {
      run.snapshot.movements.push({ ...found(run.snapshot.movements[4]), id: 99 });
      found(run.snapshot.levels[0]).reserved += 3;
    },
    ["unique effects", "bank", "all or nothing", "linearizability"],
  ],
  [
    "an order became reserved twice",
    (run) => run.order(101).events.push({ status: "reserved", correlation_id: "a1", at_ms: 0 }),
    ["unique effects", "monotonic status"],
  ],
  [
    "a piece came from nothing",
    (run) => void (found(run.snapshot.levels[0]).on_hand += 1),
    ["bank", "linearizability"],
  ],
  ["a piece went nowhere", (run) => void (found(run.snapshot.levels[0]).reserved += 1), ["bank", "linearizability"]],
  [
    "more was sold than there was, and the level looks sane",
    (run) => {
      const [first] = run.facts.products;
      found(first).stock = 4;
      found(run.snapshot.movements[0]).on_hand_delta = 4;
      found(run.snapshot.levels[0]).on_hand = 8;
      run.call("x1", "read_product").output = { available: 2, price_cents: 50 };
    },
    ["bank", "linearizability"],
  ],
  [
    "a client saw less than nothing",
    (run) => void (run.call("x1", "read_product").output = { available: -1, price_cents: 50 }),
    ["bank", "linearizability"],
  ],
  [
    "a delivery was put in twice",
    (run) => {
      run.snapshot.movements.push({ ...found(run.snapshot.movements.at(-1)), id: 99 });
      found(run.snapshot.levels[0]).on_hand += 4;
    },
    ["bank", "linearizability"],
  ],
  [
    "a delivery that was acknowledged is lost",
    (run) => {
      run.snapshot.movements.pop();
      found(run.snapshot.levels[0]).on_hand -= 4;
    },
    ["bank"],
  ],
  ["a client saw an order go back", (run) => exchangeTimes(run, "a2", "a3"), ["monotonic status"]],
  [
    "what a client saw at last was something else before",
    (run) => Object.assign(run.order(104), { status: "cancelled" }),
    ["monotonic status"],
  ],
  [
    "an order took a step that does not exist",
    (run) => Object.assign(run.order(104), { events: [{ status: "rejected", correlation_id: "b6", at_ms: 0 }] }),
    ["monotonic status"],
  ],
  [
    "an order holds one of its two lines",
    (run) => without(run.snapshot.reservations, found(run.snapshot.reservations[1])),
    ["all or nothing", "bank"],
  ],
  [
    "a rejected order took what there was",
    (run) => run.snapshot.reservations.push({ order_id: 104, item_id: CUP, quantity: 4, status: "open" }),
    ["all or nothing", "bank"],
  ],
  [
    "something is held for an order that does not exist",
    (run) => run.snapshot.reservations.push({ order_id: 999, item_id: CUP, quantity: 1, status: "open" }),
    ["all or nothing", "bank"],
  ],
  [
    "a cancelled order gave back twice",
    (run) => {
      const releasing = run.snapshot.movements.filter((movement) => movement.kind === "released");
      run.snapshot.movements.push(...releasing.map((movement) => ({ ...movement, id: 90 + movement.id })));
      for (const level of run.snapshot.levels) level.reserved -= 1;
    },
    ["cancelling", "unique effects", "bank", "linearizability"],
  ],
  [
    "a cancelled order gave back nothing",
    (run) => {
      run.snapshot.movements = run.snapshot.movements.filter((movement) => movement.kind !== "released");
      for (const level of run.snapshot.levels) level.reserved += 1;
    },
    ["cancelling", "bank", "linearizability"],
  ],
  [
    "two were told that they cancelled an order",
    (run) => Object.assign(run.call("a7", "cancel"), { outcome: "ok", output: run.call("a6", "cancel").output }),
    ["cancelling"],
  ],
  [
    "a cancellation was acknowledged and forgotten",
    (run) => Object.assign(run.call("a6", "cancel").input, { order_id: 101 }),
    ["cancelling"],
  ],
  [
    "an order that could be cancelled was said to be past it",
    (run) => Object.assign(run.call("a7", "cancel").input, { order_id: 101 }),
    ["cancelling"],
  ],
  [
    "an order was cancelled without being asked for it",
    (run) => without(run.history, run.call("a6", "cancel")),
    ["fulfilment"],
  ],
  ...ENDINGS,
  [
    "a key was answered in another way the second time",
    (run) => Object.assign(run.call("b3", "order").output as object, { total_cents: 1 }),
    ["idempotency"],
  ],
  [
    "a key was told twice that it is the first",
    (run) => {
      for (const id of ["b2", "b3"]) Object.assign(run.call(id, "order").output as object, { replayed: false });
    },
    ["idempotency"],
  ],
  [
    "a key was accepted with another body",
    (run) => Object.assign(run.call("b4", "order"), { outcome: "ok", output: run.call("b2", "order").output }),
    ["idempotency"],
  ],
  [
    "a key was refused after it had been accepted",
    (run) => Object.assign(run.call("b3", "order"), { outcome: "no", status: 404 }),
    ["idempotency"],
  ],
  [
    "a key with another body was refused for another reason",
    (run) => Object.assign(run.call("b4", "order"), { status: 404 }),
    ["idempotency"],
  ],
  [
    "an order costs what its product cost only later",
    (run) => void (found(run.order(101).items[0]).unit_price_cents = 60),
    ["fixed prices"],
  ],
  [
    "an order costs what its product had cost before",
    (run) => {
      Object.assign(run.order(103), { total_cents: 53 });
      found(run.order(103).items[0]).unit_price_cents = 50;
    },
    ["fixed prices"],
  ],
  [
    "an order's price was another one in between",
    (run) => Object.assign(run.call("a3", "read_order").output as object, { total_cents: 1 }),
    ["fixed prices"],
  ],
  ["an order's total is not that of its lines", (run) => void (run.order(104).total_cents += 1), ["fixed prices"]],
  [
    "a stranger was shown an order",
    (run) =>
      Object.assign(run.call("b5", "read_order"), run.call("a3", "read_order"), {
        id: "b5",
        input: { user_id: BERT, order_id: 101 },
      }),
    ["isolation"],
  ],
  [
    "a list had somebody else's order in it",
    (run) => Object.assign(run.call("b7", "list_orders").input, { user_id: ANNA }),
    ["isolation"],
  ],
  [
    "a stranger learned that an order exists",
    (run) => Object.assign(run.call("b5", "read_order"), { status: 403 }),
    ["isolation"],
  ],
  [
    "a client read the stock as it had been before",
    (run) => void (run.call("x2", "read_product").output = { available: 5, price_cents: 60 }),
    ["linearizability"],
  ],
  [
    "an order was refused for want of what was there",
    (run) => void (found(run.order(104).shortfalls[0]).available = 2),
    ["linearizability"],
  ],
];

test.each(DEFECTS)("what breaks is found: %s", (_, damage, seenBy) => {
  const run = rightRun();
  damage(run);
  expect(findings(run).map((finding) => finding.check)).toEqual(expect.arrayContaining(seenBy));
});

test("every check is seen finding something that is its own business", () => {
  expect(new Set(DEFECTS.map(([, , [first]]) => first))).toEqual(new Set(CHECK_NAMES));
});

/** Things that look strange and are right. */
test.each<[string, (run: Run) => void]>([
  [
    "a call without an answer was carried out after all",
    ({ snapshot, order }) => {
      const late = { ...structuredClone(order(101)), id: 105, correlation_id: "a8", total_cents: 123 };
      found(late.items[0]).unit_price_cents = 60;
      late.events = late.events.map((event) => ({ ...event, correlation_id: "a8" }));
      snapshot.orders.push(late);
      snapshot.mails.push({ id: 99, order_id: 105, status: "reserved", user_id: late.user_id, is_sent: true });
      snapshot.placed.push({ message_id: 9, order_id: 105, deliveries: 1, open: 0 });
      for (const { product_id: item_id, quantity } of late.items) {
        const movement = { item_id, kind: "reserved", on_hand_delta: 0, reserved_delta: quantity } as const;
        snapshot.movements.push({ ...movement, id: 90 + item_id, order_id: 105, correlation_id: "a8" });
        snapshot.reservations.push({ order_id: 105, item_id, quantity, status: "open" });
        found(snapshot.levels.find((level) => level.item_id === item_id)).reserved += quantity;
      }
    },
  ],
  [
    "two looks that overlapped saw an order the other way round",
    (run) => {
      exchangeTimes(run, "a2", "a3");
      run.call("a3", "read_order").end_ms += 40;
    },
  ],
  [
    "the staff sees everybody's orders",
    (run) => {
      run.facts.staff.push(BERT, ANNA);
      Object.assign(run.call("b5", "read_order"), run.call("a3", "read_order"), { id: "b5" });
    },
  ],
])("nothing is found: %s", (_, change) => {
  const run = rightRun();
  change(run);
  expect(describeFindings(findings(run))).toBe("");
});

test("of many findings the first ones are shown and all are counted", () => {
  const run = rightRun();
  for (let id = 200; id < 230; id += 1)
    run.snapshot.placed.push({ message_id: id, order_id: id, deliveries: 1, open: 0 });
  expect(describeFindings(findings(run))).toMatch(/^total queue +30 found\n( {2}.*\n){10} {2}and 20 more$/);
});

function findings({ history, snapshot, facts }: Run) {
  return judge(history, snapshot, facts);
}
