import { type Exchange, type Line, type Sender, send } from "../http/exchange.ts";
import { bodyOf, expectValue, fieldOf, integerOf, misread, type Reading, rowsOf, textOf } from "../http/reading.ts";
import { succeeded } from "../http/refusal.ts";
import { eventually } from "../poll.ts";

/** A wish of a customer; `quantity` is not a number where a scenario tries something else. */
export type Wish = { product_id: number; quantity: unknown };

/** The states of an order that these scenarios can see. */
export type OrderStatus = "pending" | "reserved" | "rejected" | "cancelled" | "paid" | "shipped" | "delivered";

/** An order that the shop has taken, and who placed it. */
export type PlacedOrder = { id: number; buyer: Sender };

const ENDED: readonly string[] = ["reserved", "rejected", "cancelled"];
const ORDERS_PER_PAGE = 100;

/** Sends an order. `key` is the Idempotency-Key, `correlationId` the X-Correlation-ID; undefined: none. */
export function order(
  line: Line,
  buyer: Sender | undefined,
  { wishes, key, correlationId }: { wishes: Wish[]; key?: string | undefined; correlationId?: string },
): Promise<Exchange> {
  const headers: Record<string, string> = {
    ...(key !== undefined && { "idempotency-key": key }),
    ...(correlationId !== undefined && { "x-correlation-id": correlationId }),
  };
  return send(line, buyer, "POST /api/v2/orders", { json: { items: wishes }, headers });
}

/** The order in an answer. Throws a Fault when it is none. */
export function placedOf(exchange: Exchange, buyer: Sender): PlacedOrder {
  return { id: integerOf(bodyOf(succeeded(exchange)), "id"), buyer };
}

/** Asks for an order as `reader`. */
export function readOrder(line: Line, reader: Sender, id: number): Promise<Exchange> {
  return send(line, reader, `GET /api/v2/orders/${id}`);
}

/** What the staff does to an order. */
export type Act = "pay" | "ship" | "deliver";

/** Asks for it to be done to the order. `reference` is the name of the payment. */
export function actOn(line: Line, sender: Sender, id: number, { act, reference }: { act: Act; reference?: string }) {
  const bodies = { pay: { json: { reference } }, ship: { json: {} }, deliver: {} };
  return send(line, sender, `POST /api/v2/orders/${id}/${act}`, bodies[act]);
}

/** Asks for the order to be cancelled. */
export function cancelOrder(line: Line, sender: Sender, id: number): Promise<Exchange> {
  return send(line, sender, `POST /api/v2/orders/${id}/cancel`);
}

/**
 * Waits until the order has this status.
 * @throws Fault when it has another one at the deadline, or an end from which it can't come there
 */
export function becomes(line: Line, placed: PlacedOrder, status: OrderStatus, withinMs: number): Promise<Reading> {
  return eventually(withinMs, async () => {
    const body = bodyOf(succeeded(await readOrder(line, placed.buyer, placed.id)));
    expectValue(fieldOf(body, "status"), status);
    return body;
  });
}

/** Waits until the order is not pending any more; the status that it ended with. */
export function endOf(line: Line, placed: PlacedOrder, withinMs: number): Promise<string> {
  return eventually(withinMs, async () => {
    const body = bodyOf(succeeded(await readOrder(line, placed.buyer, placed.id)));
    const status = textOf(body, "status");
    if (!ENDED.includes(status)) throw misread(fieldOf(body, "status"), `to be one of ${ENDED.join(", ")}`);
    return status;
  });
}

/** The ids of all orders that somebody has placed, read from the first page of the list. */
export async function listOrders(line: Line, buyer: Sender): Promise<{ ids: number[]; exchange: Exchange }> {
  const exchange = succeeded(await send(line, buyer, `GET /api/v2/orders?limit=${ORDERS_PER_PAGE}`));
  return { ids: rowsOf(bodyOf(exchange), "data").map((row) => integerOf(row, "id")), exchange };
}
