import type { Facts, Journey } from "./checks/evidence.ts";
import type { Call, CallOf, Kind, Kinds, Line, OrderStatus, SeenOrder, Verdict } from "./history.ts";
import type { Movement, Snapshot, StoredOrder } from "./snapshot.ts";

export type Run = {
  history: Call[];
  snapshot: Snapshot;
  facts: Facts;
  order(id: number): StoredOrder;
  call<K extends Kind>(id: string, kind: K): CallOf<K>;
};

export const ANNA = 1;
export const BERT = 2;
const STAFF = 3;
const KETTLE = 7;
export const CUP = 8;
const POT = 9;
const CALL_MS = 10;
/** Since the last call, when the snapshot is taken. */
const DRAIN_MS = 1_000;
const RESERVATION_MS = 60_000;
const MAILED = new Set(["reserved", "rejected", "cancelled", "expired", "shipped"]);

/**
 * A small run of a shop that did everything right, written down by hand: 10 kettles at 50 and 5 cups at 3. Anna orders 2
 * kettles and a cup, which is reserved; Bert 3 kettles with a key, whose first answer is lost; Anna a kettle and a cup, which
 * she cancels; Bert 50 cups, which is rejected. The kettle's price rises, four are delivered, one call is never carried
 * out. Bert's two pots are paid, sent and delivered; Anna does not pay hers, and her order expires.
 * @returns the run, for a test to damage
 */
export function rightRun(): Run {
  const orders = writtenOrders();
  const history = writtenHistory(orders);
  const taken_at_ms = Math.max(...history.map((call) => call.end_ms)) + DRAIN_MS;
  const products = [
    { id: KETTLE, stock: 10, price_cents: 50 },
    { id: CUP, stock: 5, price_cents: 3 },
    { id: POT, stock: 5, price_cents: 20 },
  ];
  return {
    history,
    snapshot: { ...writtenSnapshot(orders), taken_at_ms },
    facts: { products, staff: [STAFF], reservation_ms: RESERVATION_MS, journeys: [writtenJourney()] },
    order: (id) => found(orders.find((order) => order.id === id)),
    call: <K extends Kind>(id: string, kind: K) =>
      found(history.find((call) => call.id === id && call.kind === kind)) as CallOf<K>,
  };
}

type Written = [product_id: number, quantity: number, unit_price_cents: number];

function writtenOrders(): StoredOrder[] {
  const written = (id: number, order: { user_id: number; calls: string[]; steps: OrderStatus[]; lines: Written[] }) => {
    const { user_id, calls, steps } = order;
    // The first call places the order, and the others are those that each of its later steps was asked for by.
    const asked = calls.slice(1);
    const items = order.lines.map(([product_id, quantity, unit_price_cents]) => {
      return { product_id, quantity, unit_price_cents };
    });
    const total_cents = items.reduce((sum, line) => sum + line.quantity * line.unit_price_cents, 0);
    const [correlation_id = ""] = calls;
    const events = steps.map((status) => {
      const isOwn = status === "pending" || status === "reserved" || status === "rejected" || status === "expired";
      const at_ms = status === "expired" ? RESERVATION_MS : 0;
      return { status, correlation_id: isOwn ? correlation_id : found(asked.shift()), at_ms };
    });
    const status = found(steps.at(-1));
    const refusal = { reject_reason: null as string | null, shortfalls: [] as SeenOrder["shortfalls"] };
    const names = { payment_reference: null as string | null, tracking: null as string | null };
    return { id, user_id, status, total_cents, items, correlation_id, events, ...refusal, ...names };
  };
  const two: Written[] = [
    [KETTLE, 2, 50],
    [CUP, 1, 3],
  ];
  const short = { reject_reason: "out_of_stock", shortfalls: [{ product_id: CUP, requested: 50, available: 4 }] };
  const [pending, reserved, cancelled, rejected] = ["pending", "reserved", "cancelled", "rejected"] as const;
  return [
    written(101, { user_id: ANNA, calls: ["a1"], steps: [pending, reserved], lines: two }),
    written(102, { user_id: BERT, calls: ["b1"], steps: [pending, reserved], lines: [[KETTLE, 3, 50]] }),
    written(103, {
      user_id: ANNA,
      calls: ["a4", "a6"],
      steps: [pending, reserved, cancelled],
      lines: [
        [KETTLE, 1, 60],
        [CUP, 1, 3],
      ],
    }),
    { ...written(104, { user_id: BERT, calls: ["b6"], steps: [pending, rejected], lines: [[CUP, 50, 3]] }), ...short },
    {
      ...written(111, {
        user_id: BERT,
        calls: ["b8", "s4", "s5", "s6"],
        steps: [pending, reserved, "paid", "shipped", "delivered"],
        lines: [[POT, 2, 20]],
      }),
      payment_reference: "payment",
      tracking: "parcel",
    },
    written(112, { user_id: ANNA, calls: ["a9"], steps: [pending, reserved, "expired"], lines: [[POT, 1, 20]] }),
  ];
}

function writtenHistory(orders: StoredOrder[]): Call[] {
  const history: Call[] = [];
  const add = <K extends Kind>(id: string, kind: K, input: Kinds[K]["input"], verdict: Verdict<K>): void => {
    const start_ms = 2 * CALL_MS * history.length;
    const call: CallOf<K> = { id, client: id.charAt(0), kind, start_ms, end_ms: start_ms + CALL_MS, input, ...verdict };
    history.push(call as unknown as Call);
  };
  const lines = (id: number): Line[] => linesOf(orderOf(orders, id));
  /** an order as it was shown when its history had so many steps */
  const seen = (id: number, steps: number): SeenOrder => {
    const { events, correlation_id: _, ...order } = structuredClone(orderOf(orders, id));
    const shown = events.slice(0, steps).map(({ status }) => ({ status }));
    const undecided = steps === 1 ? { reject_reason: null, shortfalls: [] } : {};
    const unpaid = shown.some(({ status }) => status === "paid") ? {} : { payment_reference: null };
    const unsent = shown.some(({ status }) => status === "shipped") ? {} : { tracking: null };
    return { ...order, ...undecided, ...unpaid, ...unsent, status: found(shown.at(-1)).status, history: shown };
  };
  const ok = <Output>(status: number, output: Output) => ({ outcome: "ok", status, output }) as const;
  const no = (status: number) => ({ outcome: "no", status, output: {} }) as const;
  const unknown = { outcome: "unknown", status: null, output: {} } as const;
  const keyed = { user_id: BERT, lines: lines(102), key: "k" };
  const replay = () => ok(202, { ...seen(102, 1), replayed: true });

  add("a1", "order", { user_id: ANNA, lines: lines(101) }, ok(202, seen(101, 1)));
  add("a2", "read_order", { user_id: ANNA, order_id: 101 }, ok(200, seen(101, 1)));
  add("a3", "read_order", { user_id: ANNA, order_id: 101 }, ok(200, seen(101, 2)));
  add("x1", "read_product", { product_id: KETTLE }, ok(200, { available: 8, price_cents: 50 }));
  add("b1", "order", keyed, unknown);
  add("b2", "order", keyed, replay());
  add("b3", "order", keyed, replay());
  add("b4", "order", { ...keyed, lines: lines(101) }, no(422));
  add("b5", "read_order", { user_id: BERT, order_id: 101 }, no(404));
  add("s1", "change_price", { product_id: KETTLE, price_cents: 60 }, ok(200, { price_cents: 60 }));
  add("a4", "order", { user_id: ANNA, lines: lines(103) }, ok(202, seen(103, 1)));
  add("a5", "read_order", { user_id: ANNA, order_id: 103 }, ok(200, seen(103, 2)));
  add("a6", "cancel", { user_id: ANNA, order_id: 103 }, ok(200, seen(103, 3)));
  add("a7", "cancel", { user_id: ANNA, order_id: 103 }, no(409));
  add("b6", "order", { user_id: BERT, lines: lines(104) }, ok(202, seen(104, 1)));
  add("b7", "list_orders", { user_id: BERT }, ok(200, { orders: [seen(104, 2), seen(102, 2)] }));
  add("s2", "adjust", { product_id: KETTLE, delta: 4 }, ok(201, { on_hand_delta: 4 }));
  add("s3", "adjust", { product_id: KETTLE, delta: -10 }, no(409));
  add("x2", "read_product", { product_id: KETTLE }, ok(200, { available: 9, price_cents: 60 }));
  const pots = { user_id: STAFF, order_id: 111 };
  add("b8", "order", { user_id: BERT, lines: lines(111) }, ok(202, seen(111, 1)));
  add("s4", "pay", { ...pots, reference: "payment" }, ok(200, seen(111, 3)));
  add("s5", "ship", { ...pots, tracking: "parcel" }, ok(200, seen(111, 4)));
  add("s6", "deliver", pots, ok(200, seen(111, 5)));
  add("s7", "pay", { ...pots, reference: "payment" }, ok(200, seen(111, 5)));
  add("s8", "pay", { ...pots, reference: "another" }, no(409));
  add("a9", "order", { user_id: ANNA, lines: lines(112) }, ok(202, seen(112, 1)));
  add("a10", "read_order", { user_id: ANNA, order_id: 112 }, ok(200, seen(112, 3)));
  add("a8", "order", { user_id: ANNA, lines: lines(101) }, unknown);
  return history;
}

function writtenSnapshot(orders: StoredOrder[]): Omit<Snapshot, "taken_at_ms"> {
  const movements: Omit<Movement, "id">[] = [
    adjusted(KETTLE, 10, "seed"),
    adjusted(CUP, 5, "seed"),
    ...moved(orderOf(orders, 101), "reserved"),
    ...moved(orderOf(orders, 102), "reserved"),
    ...moved(orderOf(orders, 103), "reserved"),
    ...moved(orderOf(orders, 103), "released"),
    adjusted(POT, 5, "seed"),
    ...moved(orderOf(orders, 111), "reserved"),
    ...moved(orderOf(orders, 111), "shipped"),
    ...moved(orderOf(orders, 112), "reserved"),
    ...moved(orderOf(orders, 112), "released"),
    adjusted(KETTLE, 4, "s2"),
  ];
  return {
    orders,
    levels: [
      { item_id: KETTLE, on_hand: 14, reserved: 5 },
      { item_id: CUP, on_hand: 5, reserved: 1 },
      { item_id: POT, on_hand: 3, reserved: 0 },
    ],
    movements: movements.map((movement, index) => ({ id: index + 1, ...movement })),
    reservations: orders.flatMap((order) => {
      const kept = order.status === "delivered" ? ("shipped" as const) : ("released" as const);
      const status = order.status === "reserved" ? ("open" as const) : kept;
      if (order.status === "rejected") return [];
      return linesOf(order).map((line) => {
        return { order_id: order.id, item_id: line.product_id, quantity: line.quantity, status };
      });
    }),
    mails: orders
      .flatMap(({ id, user_id, events }) => {
        const steps = events.map(({ status }) => status).filter((status) => MAILED.has(status));
        return steps.map((status) => ({ order_id: id, status, user_id, is_sent: true }));
      })
      .map((mail, index) => ({ id: index + 1, ...mail })),
    failures: [{ correlation_id: "b8", consumer: "orders.reserve", attempt: 1 }],
    at_ms: RESERVATION_MS + DRAIN_MS,
    placed: orders.map(({ id }, index) => ({ message_id: index + 1, order_id: id, deliveries: 1, open: 0 })),
  };
}

function writtenJourney(): Journey {
  const told = ["order 111: pending", "order 111: reserved", "item 9: reserved", "orders.reserve: attempt 1 failed"];
  return { correlation_id: "b8", entries: told.map((what) => ({ kind: "", what, details: {} })) };
}

function adjusted(item_id: number, on_hand_delta: number, correlation_id: string): Omit<Movement, "id"> {
  return { item_id, kind: "adjusted", on_hand_delta, reserved_delta: 0, order_id: null, correlation_id };
}

function moved(order: StoredOrder, kind: "reserved" | "released" | "shipped"): Omit<Movement, "id">[] {
  const sign = kind === "reserved" ? 1 : -1;
  const last = found(kind === "shipped" ? order.events.find(({ status }) => status === kind) : order.events.at(-1));
  const { correlation_id } = kind === "reserved" ? found(order.events[0]) : last;
  return linesOf(order).map(({ product_id, quantity }) => {
    const reserved_delta = sign * quantity;
    const on_hand_delta = kind === "shipped" ? -quantity : 0;
    return { item_id: product_id, kind, on_hand_delta, reserved_delta, order_id: order.id, correlation_id };
  });
}

function orderOf(orders: StoredOrder[], id: number): StoredOrder {
  return found(orders.find((order) => order.id === id));
}

function linesOf(order: StoredOrder): Line[] {
  return order.items.map(({ product_id, quantity }) => ({ product_id, quantity }));
}

export function found<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the run as it is written down does not have this");
  return value;
}

/** Exchanges the times of two reads of orders. */
export function exchangeTimes(run: Run, one: string, other: string): void {
  const [first, second] = [run.call(one, "read_order"), run.call(other, "read_order")];
  const times = { start_ms: first.start_ms, end_ms: first.end_ms };
  Object.assign(first, { start_ms: second.start_ms, end_ms: second.end_ms });
  Object.assign(second, times);
}

export function without<T>(list: T[], value: T): void {
  list.splice(list.indexOf(value), 1);
}
