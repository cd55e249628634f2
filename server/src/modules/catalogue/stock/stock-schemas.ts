import Type, { type Static } from "typebox";
import { Choice, Id, Nullable, Strict, Text, Timestamp } from "#src/platform/http/schemas.ts";

const MAX_REASON_LENGTH = 200;
/** Most pieces of one product; far from where the column's integer ends. */
export const MAX_STOCK = 1_000_000_000;

export const Stock = Type.Integer({ minimum: 0, maximum: MAX_STOCK, examples: [50] });

export const StockAdjustment = Strict({
  delta: Type.Integer({ minimum: -MAX_STOCK, maximum: MAX_STOCK, examples: [10] }),
  reason: Text(1, MAX_REASON_LENGTH, { examples: ["delivery 2026-11"] }),
});

export const StockLevel = Strict({
  product_id: Id,
  on_hand: Type.Integer(),
  reserved: Type.Integer({ description: "held by orders" }),
  available: Type.Integer({ description: "on hand and not reserved" }),
  low_stock_threshold: Nullable(Type.Integer()),
});
export const StockSettings = Strict({
  low_stock_threshold: Nullable(Type.Integer({ minimum: 1, maximum: MAX_STOCK, examples: [5] })),
});

export const MovementKind = Choice(["adjusted", "reserved", "released", "shipped"]);
export const Movement = Strict({
  id: Id,
  item_id: Id,
  kind: MovementKind,
  on_hand_delta: Type.Integer(),
  reserved_delta: Type.Integer(),
  reason: Nullable(Type.String()),
  order_id: Nullable(Id),
  user_id: Nullable(Id),
  correlation_id: Type.String(),
  created_at: Timestamp,
});
export type Movement = Static<typeof Movement>;
