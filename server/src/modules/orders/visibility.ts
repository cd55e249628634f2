import { isMutant } from "#src/platform/faults/mutant.ts";
import { isAllowed } from "#src/permissions.ts";
import type { User } from "#src/platform/http/app.ts";

/** Whose order it is, and who works here; for everybody else it does not exist. */
export function maySee(user: User, order: { user_id: number }): boolean {
  return isAllowed("order.read", user, order.user_id) || isMutant("foreign_order_visible");
}

/** Whether a list holds everybody's orders for this user. */
export function maySeeAll(user: User): boolean {
  return isAllowed("order.read", user);
}
