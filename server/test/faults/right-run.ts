import type { Facts } from "./checks/evidence.ts";
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
const CALL_MS = 10;
/** Since the last call, when the snapshot is taken. */
const DRAIN_MS = 1_000;

/**
 * A small run of a shop that did everything right, written down by hand: 10 kettles at 50 and 5 cups at 3. Anna orders 2
 * kettles and a cup, which is reserved; Bert 3 kettles with a key, whose first answer is lost; Anna a kettle and a cup, which
 * she cancels; Bert 50 cups, which is rejected. The kettle's price rises, four are delivered, one call is never carried out.
 * @returns the run, for a test to damage
 */
export function rightRun(): Run {
  const orders = writtenOrders();
  const history = writtenHistory(orders);
  const taken_at_ms = Math.max(...history.map((call) => call.end_ms)) + DRAIN_MS;
  const products = [
    { id: KETTLE, stock: 10, price_cents: 50 },
    { id: CUP, stock: 5, price_cents: 3 },
  ];
  return {
    history,
    snapshot: { ...writtenSnapshot(orders), taken_at_ms },
    facts: { products, staff: [STAFF] },
    order: (id) => found(orders.find((order) => order.id === id)),
    call: <K extends Kind>(id: string, kind: K) =>
      found(history.find((call) => call.id === id && call.kind === kind)) as CallOf<K>,
  };
}

type Written = [product_id: number, quantity: number, unit_price_cents: number];

function writtenOrders(): StoredOrder[] {
  const written = (id: number, order: { user_id: number; calls: string[]; steps: OrderStatus[]; lines: Written[] }) => {
    const { user_id, calls, steps } = order;
    const items = order.lines.map(([product_id, quantity, unit_price_cents]) => {
      return { product_id, quantity, unit_price_cents };
    });
    const total_cents = items.reduce((sum, line) => sum + line.quantity * line.unit_price_cents, 0);
    const [correlation_id = "", cancel = ""] = calls;
    const events = steps.map((status) => {
      return { status, correlation_id: status === "cancelled" ? cancel : correlation_id };
    });
    const status = found(steps.at(-1));
    const refusal = { reject_reason: null as string | null, shortfalls: [] as SeenOrder["shortfalls"] };
    return { id, user_id, status, total_cents, items, correlation_id, events, ...refusal };
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
    return { ...order, ...undecided, status: found(shown.at(-1)).status, history: shown };
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
    adjusted(KETTLE, 4, "s2"),
  ];
  return {
    orders,
    levels: [
      { item_id: KETTLE, on_hand: 14, reserved: 5 },
      { item_id: CUP, on_hand: 5, reserved: 1 },
    ],
    movements: movements.map((movement, index) => ({ id: index + 1, ...movement })),
    reservations: orders.flatMap((order) => {
      const status = order.status === "reserved" ? ("open" as const) : ("released" as const);
      if (order.status === "rejected") return [];
      return linesOf(order).map((line) => {
        return { order_id: order.id, item_id: line.product_id, quantity: line.quantity, status };
      });
    }),
    placed: orders.map(({ id }, index) => ({ message_id: index + 1, order_id: id, deliveries: 1, open: 0 })),
  };
}

function adjusted(item_id: number, on_hand_delta: number, correlation_id: string): Omit<Movement, "id"> {
  return { item_id, kind: "adjusted", on_hand_delta, reserved_delta: 0, order_id: null, correlation_id };
}

function moved(order: StoredOrder, kind: "reserved" | "released"): Omit<Movement, "id">[] {
  const sign = kind === "reserved" ? 1 : -1;
  const correlation_id = found(order.events.at(kind === "reserved" ? 0 : -1)).correlation_id;
  return linesOf(order).map(({ product_id, quantity }) => {
    const reserved_delta = sign * quantity;
    return { item_id: product_id, kind, on_hand_delta: 0, reserved_delta, order_id: order.id, correlation_id };
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
