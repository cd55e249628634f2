import type { PersonalData } from "#src/platform/context.ts";
import { listHistories, listLines, selectOrders } from "./repository.ts";

/** Orders are business records. They name a user by id alone, and so tell nothing once the account is deleted. */
export const orderData: PersonalData = {
  lists: {
    orders: async (db, user_id, { after = 0, limit }) => {
      const own = selectOrders(db).where("user_id", "=", user_id).where("id", ">", Number(after));
      const orders = await own.orderBy("id").limit(limit).execute();
      const ids = orders.map((order) => order.id);
      const [lines, histories] = [await listLines(db, ids), await listHistories(db, ids)];
      return orders.map((order) => ({
        ...order,
        items: lines.get(order.id) ?? [],
        history: histories.get(order.id) ?? [],
      }));
    },
  },
  forget: async () => undefined,
};
