import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import { newOrigin } from "#src/platform/telemetry/origin.ts";
import { type Ending, endOrders } from "./end-orders.ts";
import { adoptTimeless, lockDue } from "./repository.ts";

/** Orders that expire in one transaction. */
const EXPIRING_BATCH = 200;
/** Between looks for orders whose time is over. */
const LOOK_EVERY_MS = 1_000;

/** Ends reserved orders that were not paid in time, in every worker, until it is stopped. */
export function keepExpiring(context: Context): { stop(): Promise<void> } {
  let isStopped = false;
  let timer: NodeJS.Timeout | undefined;
  let pass = Promise.resolve();
  const look = (): void => {
    pass = pass
      .then(async () => {
        while (!isStopped && (await expireOrders(context)) === EXPIRING_BATCH);
      })
      .catch((error: unknown) => context.log.error({ err: error }, "orders could not expire; trying again"))
      .finally(() => {
        if (!isStopped) timer = setTimeout(look, LOOK_EVERY_MS);
      });
  };
  look();
  return {
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      await pass;
    },
  };
}

/**
 * Ends a batch of the orders whose time is over. What another worker or a payment has in its hands is passed over: it is
 * that one's to decide, and if it stays reserved, the next look finds it.
 * @returns how many have expired
 */
export async function expireOrders(context: Context): Promise<number> {
  return await transact(context, async (trx) => {
    await adoptTimeless(trx, { minutes: context.config.reservationMinutes, limit: EXPIRING_BATCH });
    const due = await lockDue(trx, EXPIRING_BATCH);
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
