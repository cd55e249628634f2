import { closeSync, openSync, readFileSync, writeSync } from "node:fs";

export type OrderStatus =
  | "pending"
  | "reserved"
  | "rejected"
  | "cancelled"
  | "expired"
  | "paid"
  | "shipped"
  | "delivered";
export type Line = { product_id: number; quantity: number };

/** What a client was told of an order: the fields of the wire that the checks look at. */
export type SeenOrder = {
  id: number;
  user_id: number;
  status: OrderStatus;
  total_cents: number;
  items: (Line & { unit_price_cents: number })[];
  reject_reason: string | null;
  shortfalls: { product_id: number; requested: number; available: number }[];
  payment_reference: string | null;
  tracking: string | null;
  history?: { status: OrderStatus }[];
};

/** What goes into each kind of call, and what comes out of it when it is `ok`. `user_id` is who calls. */
export type Kinds = {
  /** `key`: the Idempotency-Key; `replayed`: the answer said that it was an earlier one */
  order: { input: { user_id: number; lines: Line[]; key?: string }; output: SeenOrder & { replayed?: boolean } };
  cancel: { input: { user_id: number; order_id: number }; output: SeenOrder };
  pay: { input: { user_id: number; order_id: number; reference: string }; output: SeenOrder };
  ship: { input: { user_id: number; order_id: number; tracking: string }; output: SeenOrder };
  deliver: { input: { user_id: number; order_id: number }; output: SeenOrder };
  read_order: { input: { user_id: number; order_id: number }; output: SeenOrder };
  list_orders: { input: { user_id: number }; output: { orders: SeenOrder[] } };
  read_product: { input: { product_id: number }; output: { available: number; price_cents: number } };
  adjust: { input: { product_id: number; delta: number; key?: string }; output: { on_hand_delta: number } };
  change_price: { input: { product_id: number; price_cents: number }; output: { price_cents: number } };
};
export type Kind = keyof Kinds;

/**
 * One request and what its client knows of it. `id` is sent as `X-Correlation-ID`: what the request did can be found by
 * it even when its answer was lost; so each attempt, a retry too, is a call of its own. Times are milliseconds of the
 * machine's monotonic clock, the same for all of its processes.
 */
export type CallOf<K extends Kind> = {
  id: string;
  client: string;
  kind: K;
  start_ms: number;
  end_ms: number;
  input: Kinds[K]["input"];
} & Verdict<K>;
export type Call = { [K in Kind]: CallOf<K> }[Kind];

/**
 * `ok`: it was done and answered with 2xx. `no`: it was refused with 4xx and nothing was done. `unknown`: a time-out, a
 * reset, a 5xx: it may have been done, and it may still be done later.
 */
export type Verdict<K extends Kind> =
  | { outcome: "ok"; status: number; output: Kinds[K]["output"] }
  | { outcome: "no"; status: number; output: unknown }
  | { outcome: "unknown"; status: number | null; output: unknown };

export type Recorder = {
  /**
   * Makes a call and records it. @param perform sends the request with `id` as X-Correlation-ID; what it throws is `unknown`
   */
  call<K extends Kind>(
    request: { client: string; kind: K; input: Kinds[K]["input"] },
    perform: (id: string) => Promise<Verdict<K>>,
  ): Promise<CallOf<K>>;
  close(): void;
};

const NS_PER_MS = 1e6;
const CLIENT_ERROR = 400;
const SERVER_ERROR = 500;

/** Milliseconds of the machine's monotonic clock. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / NS_PER_MS;
}

/** Reads an HTTP answer as a verdict. */
export function verdictOf<K extends Kind>(status: number, output: unknown): Verdict<K> {
  if (status >= SERVER_ERROR || status < 200) return { outcome: "unknown", status, output };
  if (status >= CLIENT_ERROR) return { outcome: "no", status, output };
  return { outcome: "ok", status, output: output as Kinds[K]["output"] };
}

/**
 * Appends calls to a file, each as it happens: a line when it begins and a line when it ends, so that a load process
 * which is killed leaves its open calls behind as unknown ones.
 * @param file may be shared by several processes when their names differ
 * @param process names this process within the run; call ids begin with it
 */
export function openRecorder(file: string, process: string): Recorder {
  const descriptor = openSync(file, "a");
  let count = 0;
  // One write per line: the system appends it whole, whoever else writes, and keeps it when this process dies.
  const append = (line: unknown): void => void writeSync(descriptor, `${JSON.stringify(line)}\n`);
  return {
    async call(request, perform) {
      const id = `${process}-${(count += 1)}`;
      const begun = { id, ...request, start_ms: nowMs() };
      append(begun);
      const verdict = await perform(id).catch((error: unknown) => {
        return { outcome: "unknown", status: null, output: { error: String(error) } } as const;
      });
      const call = { ...begun, end_ms: nowMs(), ...verdict };
      append(call);
      return call;
    },
    close: () => closeSync(descriptor),
  };
}

/**
 * Reads what recorders appended, in the order in which the calls began. A call without an end is unknown and ends at the
 * last moment of the file. A last line that was cut by a kill is left out; any other that can't be read is an error.
 */
export function readHistory(file: string): Call[] {
  const lines = readFileSync(file, "utf8").split("\n");
  const calls = new Map<string, Omit<Call, "end_ms" | "outcome"> & Partial<Call>>();
  let latest = 0;
  lines.forEach((line, index) => {
    if (line === "") return;
    const call = parse(line, index === lines.length - 1);
    if (call === undefined) return;
    const earlier = calls.get(call.id);
    if (earlier !== undefined && (earlier.end_ms !== undefined || call.end_ms === undefined)) {
      throw new Error(`${file}, line ${index + 1}: the call ${call.id} is there twice`);
    }
    calls.set(call.id, call);
    latest = Math.max(latest, call.end_ms ?? call.start_ms);
  });
  const open = { end_ms: latest, outcome: "unknown", status: null, output: { error: "it never ended" } } as const;
  return [...calls.values()].map((call) => ({ ...open, ...call }) as Call).toSorted((a, b) => a.start_ms - b.start_ms);
}

function parse(line: string, isCut: boolean): Call | undefined {
  try {
    return JSON.parse(line) as Call;
  } catch (error) {
    if (isCut) return undefined;
    throw error;
  }
}
