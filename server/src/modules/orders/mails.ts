import { listMailAddresses } from "#src/modules/identity/public.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { Choice, Id, Money, Strict } from "#src/platform/http/schemas.ts";
import { defineMail, queueMails } from "#src/platform/mail/mail.ts";
import Type, { type Static } from "typebox";
import type { Move } from "./repository.ts";

const MAILED = ["reserved", "rejected", "cancelled", "expired", "shipped"] as const;
type Mailed = (typeof MAILED)[number];
const SECONDS_PER_MINUTE = 60;

const OrderMail = Strict({
  status: Choice(MAILED),
  order_id: Id,
  total_cents: Money,
  minutes: Type.Optional(Type.Integer()),
  reason: Type.Optional(Type.String()),
  carrier: Type.Optional(Type.String()),
  tracking: Type.Optional(Type.String()),
});
type OrderMail = Static<typeof OrderMail>;

const SUBJECTS: Record<Mailed, string> = {
  reserved: "is kept for you",
  rejected: "could not be accepted",
  cancelled: "was cancelled",
  expired: "was not paid in time",
  shipped: "is on its way",
};

const orderMail = defineMail("order_status", OrderMail, ({ publicUrl }, params) => ({
  subject: `Your order ${params.order_id} ${SUBJECTS[params.status]}`,
  text: `${sentenceOf(params)}

It comes to ${(params.total_cents / 100).toFixed(2)} altogether. What became of it, and when:
${publicUrl}/orders/${params.order_id}
`,
}));

function sentenceOf({ status, order_id, minutes, reason, carrier, tracking }: OrderMail): string {
  const order = `Your order ${order_id}`;
  if (status === "reserved") return `Everything in your order ${order_id} is kept for you, for ${minutes} minutes.`;
  if (status === "rejected")
    return reason === "out_of_stock"
      ? `${order} could not be accepted: not all of it is there.`
      : `${order} could not be accepted: something went wrong on our side.`;
  if (status === "cancelled") return `${order} was cancelled.`;
  if (status === "expired") return `${order} was not paid in time. What was kept for you is for sale again.`;
  const by = carrier === undefined ? "" : ` with ${carrier}`;
  return `${order} is on its way${by}${tracking === undefined ? "" : `, as ${tracking}`}.`;
}

/**
 * Tells buyers what became of their orders, in the transaction in which it became so: once for each step. Who has no
 * account any more is told nothing. Three statements, however many orders there are.
 */
export async function mailBuyers(trx: Trx, moves: Move[]): Promise<void> {
  const told = moves.flatMap((move) => {
    const status = MAILED.find((one) => one === move.status);
    return status === undefined ? [] : [{ ...move, status }];
  });
  if (told.length === 0) return;
  const addresses = await listMailAddresses(
    trx,
    told.map(({ order }) => order.user_id),
  );
  const mails = told.flatMap(({ order, status, origin, seconds, reject_reason, carrier, tracking }) => {
    const recipient = addresses.get(order.user_id);
    if (recipient === undefined) return [];
    const params: OrderMail = {
      status,
      order_id: order.id,
      total_cents: order.total_cents,
      ...(seconds !== undefined && { minutes: Math.max(1, Math.floor(seconds / SECONDS_PER_MINUTE)) }),
      ...(reject_reason !== undefined && { reason: reject_reason }),
      ...(carrier !== undefined && { carrier }),
      ...(tracking !== undefined && { tracking }),
    };
    return [{ origin, user_id: order.user_id, recipient, params }];
  });
  await queueMails(trx, orderMail, mails);
}
