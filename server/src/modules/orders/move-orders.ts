import type { Trx } from "#src/platform/database/database.ts";
import { wakeAfterCommit } from "#src/platform/database/transact.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import { ORDERS_MOVED } from "./events.ts";
import { mailBuyers } from "./mails.ts";
import { type Move, writeMoves } from "./repository.ts";

/**
 * Takes orders a step further: status, history, and what their buyers are told, in a number of statements that does not
 * depend on how many there are. Call it with the orders locked and the step allowed; nothing else changes a status.
 */
export async function moveOrders(trx: Trx, moves: Move[]): Promise<void> {
  if (moves.length === 0) return;
  await writeMoves(trx, moves);
  await mailBuyers(trx, moves);
  if (isMutant("mail_twice")) await mailBuyers(trx, moves);
  wakeAfterCommit(trx, ORDERS_MOVED);
}
