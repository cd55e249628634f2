import { checkAllOrNothing } from "./checks/all-or-nothing.ts";
import { checkBank } from "./checks/bank.ts";
import { checkCancelling } from "./checks/cancelling.ts";
import { arrange, type Check, type Facts } from "./checks/evidence.ts";
import { checkFixedPrices } from "./checks/fixed-prices.ts";
import { checkFulfilment } from "./checks/fulfilment.ts";
import { checkIdempotency } from "./checks/idempotency.ts";
import { checkIsolation } from "./checks/isolation.ts";
import { checkJourneys } from "./checks/journeys.ts";
import { checkLinearizability } from "./checks/linearizability.ts";
import { checkMails } from "./checks/mails.ts";
import { checkMonotonicStatus } from "./checks/monotonic-status.ts";
import { checkTotalQueue } from "./checks/total-queue.ts";
import { checkUniqueEffects } from "./checks/unique-effects.ts";
import type { Call } from "./history.ts";
import type { Snapshot } from "./snapshot.ts";

const CHECKS = {
  "total queue": checkTotalQueue,
  "unique effects": checkUniqueEffects,
  bank: checkBank,
  "monotonic status": checkMonotonicStatus,
  "all or nothing": checkAllOrNothing,
  cancelling: checkCancelling,
  fulfilment: checkFulfilment,
  mails: checkMails,
  journeys: checkJourneys,
  idempotency: checkIdempotency,
  "fixed prices": checkFixedPrices,
  isolation: checkIsolation,
  linearizability: checkLinearizability,
} satisfies Record<string, Check>;

export type CheckName = keyof typeof CHECKS;
export const CHECK_NAMES = Object.keys(CHECKS) as CheckName[];

/** What a check found wrong: how often, and the first ones, each in a line. */
export type Finding = { check: CheckName; count: number; first: string[] };

const SHOWN = 10;
const LONGEST_NAME = Math.max(...CHECK_NAMES.map((name) => name.length));

/**
 * Judges a run by what its clients were told and what the database says at last. Call it when every service runs again
 * and the queue is empty.
 * @param history from `readHistory`; all calls that could change something have to be in it
 * @param facts what was so before the first call
 * @returns a finding for each check that found something; none means that the run was right
 */
export function judge(history: Call[], snapshot: Snapshot, facts: Facts): Finding[] {
  const evidence = arrange(history, snapshot, facts);
  return CHECK_NAMES.flatMap((check) => {
    const found = CHECKS[check](evidence);
    return found.length === 0 ? [] : [{ check, count: found.length, first: found.slice(0, SHOWN) }];
  });
}

export function describeFindings(findings: Finding[]): string {
  return findings
    .flatMap(({ check, count, first }) => [
      `${check.padEnd(LONGEST_NAME)}  ${count} found`,
      ...first.map((line) => `  ${line}`),
      ...(count > first.length ? [`  and ${count - first.length} more`] : []),
    ])
    .join("\n");
}
