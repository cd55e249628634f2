import Type, { type Static } from "typebox";
import { Choice, Id, Money, Nullable, Strict, Text, Timestamp } from "#src/platform/http/schemas.ts";

export const MAX_LINES = 100;
export const MAX_QUANTITY = 1_000;

/** Characters of what another system calls a payment, a carrier or a parcel. */
export const MAX_REFERENCE_LENGTH = 100;

export const OrderStatus = Choice([
  "pending",
  "reserved",
  "rejected",
  "cancelled",
  "expired",
  "paid",
  "shipped",
  "delivered",
]);
export type OrderStatus = Static<typeof OrderStatus>;

const Quantity = Type.Integer({ minimum: 1, maximum: MAX_QUANTITY, examples: [2] });
const NewOrderLine = Strict({ product_id: Id, quantity: Quantity });
export type NewOrderLine = Static<typeof NewOrderLine>;

export const NewOrder = Strict({ items: Type.Array(NewOrderLine, { minItems: 1, maxItems: MAX_LINES }) });

const Reference = Text(1, MAX_REFERENCE_LENGTH);
export const Payment = Strict({ reference: Reference });
export const Shipment = Strict({ carrier: Type.Optional(Reference), tracking: Type.Optional(Reference) });
export type Shipment = Static<typeof Shipment>;

const OrderLine = Strict({
  product_id: Id,
  name: Type.String(),
  quantity: Type.Integer(),
  unit_price_cents: Money,
});
export type OrderLine = Static<typeof OrderLine>;

const Shortfall = Strict({ product_id: Id, requested: Type.Integer(), available: Type.Integer() });

const orderFields = {
  id: Id,
  user_id: Id,
  status: OrderStatus,
  items: Type.Array(OrderLine),
  total_cents: Money,
  reject_reason: Nullable(Type.String({ examples: ["out_of_stock"] })),
  shortfalls: Type.Array(Shortfall, { description: "what was missing when the order was rejected" }),
  expires_at: Nullable(
    Type.String({ format: "date-time", description: "until when it is kept for its buyer while it is not paid" }),
  ),
  payment_reference: Nullable(Type.String()),
  carrier: Nullable(Type.String()),
  tracking: Nullable(Type.String()),
  correlation_id: Type.String(),
  version: Type.Integer(),
  created_at: Timestamp,
  updated_at: Timestamp,
};
export const PlacedOrder = Strict(orderFields);
export type PlacedOrder = Static<typeof PlacedOrder>;

const OrderEvent = Strict({
  status: OrderStatus,
  actor_id: Nullable(Type.Integer({ description: "who did it; null for the shop itself" })),
  occurred_at: Timestamp,
});
export const Order = Strict({ ...orderFields, history: Type.Array(OrderEvent) });
export type Order = Static<typeof Order>;
