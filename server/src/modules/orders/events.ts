import { Id, Strict } from "#src/platform/http/schemas.ts";
import { defineEvent } from "#src/platform/messaging/event.ts";

/** An order was accepted, with its prices fixed; nothing is reserved yet. */
export const orderPlaced = defineEvent("order.placed", Strict({ order_id: Id }));

/** Called out after each commit that moved orders. It carries nothing: whoever listens reads the history. */
export const ORDERS_MOVED = "orders.moved";
