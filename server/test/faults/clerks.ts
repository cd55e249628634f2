import { type Actor, call, type Placed, remember, type World } from "./calls.ts";
import { nowMs } from "./history.ts";
import { pick } from "./random.ts";

/** A payment is noted again, with the same reference, until there is an answer. */
const RETRIES = 40;
/** Mostly what is due; the rest asks for what may be too early, too late or another one's doing. */
const DUE_SHARE = 0.8;
/** Of what is due the last ones: what is older has mostly been done. */
const RECENT = 20;

/** What one of the staff does next for orders: notes a payment, ships, notes an arrival, or cancels. */
export async function serve(world: World, actor: Actor): Promise<void> {
  const { random } = actor;
  if (world.orders.length === 0) return;
  const choice = random();
  if (choice < 0.45) return await pay(world, actor);
  if (choice < 0.7) return await ship(world, actor);
  const user_id = actor.person.id;
  if (choice < 0.9) {
    const order_id = chosen(world, actor, world.shipped);
    await call(world, actor, {
      kind: "deliver",
      input: { user_id, order_id },
      path: `/api/v2/orders/${order_id}/deliver`,
    });
    return;
  }
  const order_id = chosen(world, actor, world.paid);
  await call(world, actor, { kind: "cancel", input: { user_id, order_id }, path: `/api/v2/orders/${order_id}/cancel` });
}

async function pay(world: World, actor: Actor): Promise<void> {
  const order_id = toBePaid(world, actor);
  const input = { user_id: actor.person.id, order_id, reference: `${actor.name}-${order_id}` };
  for (let attempt = 0; attempt <= RETRIES; attempt += 1) {
    const done = await call(world, actor, { kind: "pay", input, path: `/api/v2/orders/${order_id}/pay` });
    if (done.outcome === "unknown") continue;
    if (done.outcome === "ok" && done.output.status === "paid") remember(world.paid, order_id);
    return;
  }
}

/** Half of the time an order whose time is just over: its expiry and its payment race. */
function toBePaid({ orders, reservationMs }: World, { random }: Actor): number {
  const late = random() < 0.5 ? orders.filter(({ at_ms }) => at_ms < nowMs() - reservationMs) : [];
  const list = late.length > 0 ? late.slice(-RECENT) : orders;
  return pick(random, list as [Placed, ...Placed[]]).id;
}

async function ship(world: World, actor: Actor): Promise<void> {
  const order_id = chosen(world, actor, world.paid);
  const input = { user_id: actor.person.id, order_id, tracking: `${actor.name}-${order_id}` };
  const done = await call(world, actor, { kind: "ship", input, path: `/api/v2/orders/${order_id}/ship` });
  if (done.outcome === "ok") remember(world.shipped, order_id);
}

function chosen({ orders }: World, { random }: Actor, due: number[]): number {
  const list = due.length > 0 && random() < DUE_SHARE ? due.slice(-RECENT) : orders.map(({ id }) => id);
  return pick(random, list as [number, ...number[]]);
}
