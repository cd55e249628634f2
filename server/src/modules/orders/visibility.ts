import { isMutant } from "#src/platform/faults/mutant.ts";
import type { User } from "#src/platform/http/app.ts";

/** Whose order it is, and who works here; for everybody else it does not exist. */
export function maySee(user: User, order: { user_id: number }): boolean {
  return order.user_id === user.id || worksHere(user) || isMutant("foreign_order_visible");
}

export function worksHere(user: User): boolean {
  return user.role !== "customer";
}
