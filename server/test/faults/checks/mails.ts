import type { StoredOrder } from "../snapshot.ts";
import type { Check, Evidence } from "./evidence.ts";

/** The steps of which a buyer is told. */
const MAILED = new Set<string>(["reserved", "rejected", "cancelled", "expired", "shipped"]);

/** A buyer is told of each step that matters exactly once, and of nothing that did not happen. */
export const checkMails: Check = (evidence) => {
  const byStep = Map.groupBy(evidence.snapshot.mails, (mail) => keyOf(mail.order_id, mail.status));
  return [...evidence.snapshot.orders.flatMap((order) => untold(order, byStep)), ...wrong(evidence)];
};

type Mails = Map<string, { id: number; is_sent: boolean }[]>;

function untold(order: StoredOrder, byStep: Mails): string[] {
  // A step that was taken twice is the business of unique effects.
  const steps = new Set(order.events.map((event) => event.status).filter((status) => MAILED.has(status)));
  return [...steps].flatMap((status) => {
    const mails = byStep.get(keyOf(order.id, status)) ?? [];
    const [mail] = mails;
    if (mail === undefined) return [`order ${order.id} became ${status}, and its buyer was not told`];
    if (mails.length > 1) {
      return [`the buyer of order ${order.id} was told ${mails.length} times that it is ${status}`];
    }
    return mail.is_sent ? [] : [`mail ${mail.id} of order ${order.id} (${status}) was never sent`];
  });
}

function wrong({ snapshot, stored }: Evidence): string[] {
  return snapshot.mails.flatMap(({ id, order_id, status, user_id }) => {
    const order = stored.get(order_id);
    if (order === undefined) return [`mail ${id} tells of order ${order_id}, which does not exist`];
    if (order.user_id !== user_id) return [`mail ${id} of order ${order_id} went to user ${user_id}`];
    const isTrue = order.events.some((event) => event.status === status);
    return isTrue ? [] : [`mail ${id} says that order ${order_id} is ${status}, which it never was`];
  });
}

function keyOf(order_id: number, status: string): string {
  return `${order_id} ${status}`;
}
