import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import { defineSchedule } from "#src/platform/schedules/schedule.ts";
import { newOrigin } from "#src/platform/telemetry/origin.ts";
import { type Ending, endOrders } from "./end-orders.ts";
import { adoptTimeless, lockDue } from "./repository.ts";

/** Orders that expire in one transaction. */
const EXPIRING_BATCH = 200;

/** Every second: a customer is not to lose the goods to a clock, nor the next one to wait for them longer than that. */
export const expiry = defineSchedule({
  name: "orders.expire",
  cron: "* * * * * *",
  timezone: "UTC",
  async run(context, { stopping }) {
    while (!stopping.aborted && (await expireOrders(context)) === EXPIRING_BATCH);
  },
});

/**
 * Ends a batch of the orders whose time is over. What another worker or a payment has in its hands is passed over: it is
 * that one's to decide, and if it stays reserved, the next look finds it.
 * @returns how many have expired
 */
export async function expireOrders(context: Context): Promise<number> {
  return await transact(context, async (trx) => {
    await adoptTimeless(trx, { seconds: context.config.reservationSeconds, limit: EXPIRING_BATCH });
    // The defect decides by rows that another transaction held: a payment may come in between.
    const due = isMutant("expiry_races_payment")
      ? await transact(context, (another) => lockDue(another, EXPIRING_BATCH))
      : await lockDue(trx, EXPIRING_BATCH);
    await endOrders(
      trx,
      due.map((order): Ending => {
        const { correlation_id } = order;
        return { order, status: "expired", actor_id: null, correlation_id, origin: newOrigin({ correlation_id }) };
      }),
    );
    return due.length;
  });
}
