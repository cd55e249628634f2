import type { OrderStatus } from "./schemas.ts";

/** What an order may become; everything that changes a status asks here, with the order's row locked. */
const NEXT: Record<OrderStatus, readonly OrderStatus[]> = {
  pending: ["reserved", "rejected", "cancelled"],
  reserved: ["cancelled"],
  rejected: [],
  cancelled: [],
};

export function mayBecome(from: OrderStatus, to: OrderStatus): boolean {
  return NEXT[from].includes(to);
}
