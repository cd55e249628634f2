import type { OrderStatus } from "./schemas.ts";

/** What an order may become; everything that changes a status asks here, with the order's row locked. */
export const NEXT: Record<OrderStatus, readonly OrderStatus[]> = {
  pending: ["reserved", "rejected", "cancelled"],
  reserved: ["paid", "cancelled", "expired"],
  rejected: [],
  cancelled: [],
  expired: [],
  paid: ["shipped", "cancelled"],
  shipped: ["delivered"],
  delivered: [],
};

/** What an order has of the stock: pieces kept for it, pieces that have left with it, or none. */
export const HOLDS: Record<OrderStatus, "open" | "shipped" | "nothing"> = {
  pending: "nothing",
  reserved: "open",
  rejected: "nothing",
  cancelled: "nothing",
  expired: "nothing",
  paid: "open",
  shipped: "shipped",
  delivered: "shipped",
};

export function mayBecome(from: OrderStatus, to: OrderStatus): boolean {
  return NEXT[from].includes(to);
}

/** Whether nothing can happen to an order any more. */
export function isFinal(status: OrderStatus): boolean {
  return NEXT[status].length === 0;
}
