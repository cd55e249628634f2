import Type from "typebox";
import { Id, Strict } from "#src/platform/http/schemas.ts";
import { defineEvent } from "#src/platform/messaging/event.ts";

/** An item was put up, changed, archived or deleted. What it is now is read from its row: it may be gone. */
export const itemChanged = defineEvent("item.changed", Strict({ item_id: Id }));

/** The last free piece of a product was taken, or the first one came back. Which of them, its level says. */
export const productAvailabilityChanged = defineEvent("product.availability_changed", Strict({ item_id: Id }));

/** The free stock of a product went down to its threshold: somebody should order more. */
export const stockLow = defineEvent(
  "stock.low",
  Strict({ item_id: Id, available: Type.Integer({ minimum: 0 }), threshold: Type.Integer({ minimum: 1 }) }),
);

/** A file of products was taken in and waits to be written. */
export const importRequested = defineEvent("products.import_requested", Strict({ import_id: Id }));
