import type { ReadJourney } from "#src/platform/journey.ts";

/** What a journey made of orders. */
export const orderJourney: ReadJourney = async (db, correlation_id, limit) => {
  const rows = await db
    .selectFrom("order_events")
    .select(["order_id", "status", "actor_id", "occurred_at"])
    .where("correlation_id", "=", correlation_id)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(({ occurred_at, ...details }) => ({
    occurred_at,
    kind: "order",
    what: `order ${details.order_id}: ${details.status}`,
    details,
  }));
};
