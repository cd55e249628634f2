import type { Db, Trx } from "./database.ts";

/** A statement about the whole database that must hold at every moment, whatever was killed before. */
export type Check = {
  /** what holds, in a few words, as `stock: on_hand is the sum of its movements` */
  name: string;
  /** What breaks it, each named in a line; the first ones are enough. Reads one snapshot, writes nothing. */
  find(trx: Trx): Promise<string[]>;
  /** For what is derived from something else: derives it anew. @returns how many rows were changed */
  repair?(trx: Trx): Promise<number>;
};

export type Finding = { name: string; offending: string[]; repaired: number | undefined };

/** Offenders that a check names; a broken invariant is as broken with ten as with ten thousand. */
export const NAMED_OFFENDERS = 10;

/**
 * Runs checks, all on one snapshot, so that what goes on meanwhile is no false alarm.
 * @param options.repair mends what is derived, check by check, each in a transaction of its own
 * @param options.onProgress after each check
 */
export async function runChecks(
  db: Db,
  checks: Check[],
  options: { repair?: boolean; onProgress?: (finding: Finding) => void } = {},
): Promise<Finding[]> {
  const found = await db
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute(async (trx) => {
      const findings: Finding[] = [];
      for (const check of checks) {
        findings.push({ name: check.name, offending: await check.find(trx), repaired: undefined });
      }
      return findings;
    });
  for (const [index, finding] of found.entries()) {
    const repair = finding.offending.length > 0 && options.repair === true ? checks[index]?.repair : undefined;
    if (repair !== undefined) finding.repaired = await db.transaction().execute(repair);
    options.onProgress?.(finding);
  }
  return found;
}
