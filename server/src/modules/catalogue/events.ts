import { Id, Strict } from "#src/platform/http/schemas.ts";
import { defineEvent } from "#src/platform/messaging/event.ts";

/** An item was put up, changed, archived or deleted. What it is now is read from its row: it may be gone. */
export const itemChanged = defineEvent("item.changed", Strict({ item_id: Id }));

/** The last free piece of a product was taken, or the first one came back. Which of them, its level says. */
export const productAvailabilityChanged = defineEvent("product.availability_changed", Strict({ item_id: Id }));

/** A file of products was taken in and waits to be written. */
export const importRequested = defineEvent("products.import_requested", Strict({ import_id: Id }));
