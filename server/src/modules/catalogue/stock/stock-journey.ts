import type { ReadJourney } from "#src/platform/journey.ts";

/** How a journey moved the stock. */
export const stockJourney: ReadJourney = async (db, correlation_id, limit) => {
  const rows = await db
    .selectFrom("stock_movements")
    .select(["item_id", "kind", "on_hand_delta", "reserved_delta", "order_id", "user_id", "created_at"])
    .where("correlation_id", "=", correlation_id)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(({ created_at: occurred_at, kind: movement, ...details }) => ({
    occurred_at,
    kind: "stock",
    what: `item ${details.item_id}: ${movement}`,
    details: { movement, ...details },
  }));
};
