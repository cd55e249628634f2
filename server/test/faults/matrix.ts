import { CHECK_NAMES, type CheckName, type Finding } from "./judge.ts";

/** What a run with a planted defect led to; `others` are findings from elsewhere, as those of `verify`. */
export type MutantRun = { mutant: string; seconds: number; findings: Finding[]; others?: string[] };

/** Stands in the place of a mutant for the shop without one. */
export const SOUND = "(none)";
const TICK = "x";
const MISSED = "NOT CAUGHT";

/**
 * Prints which check catches which mutant: a line for each mutant, a column for each check.
 * @example `oversell            |      x                  x   |  caught by bank in 3.1 s`
 */
export function describeMatrix(runs: MutantRun[]): string {
  const width = Math.max(...runs.map((run) => run.mutant.length), "mutant".length);
  const columns: string[] = [...CHECK_NAMES, "verify"];
  const cell = (run: MutantRun, column: string): string =>
    (isCaughtBy(run, column) ? TICK : "").padStart(Math.ceil(column.length / 2)).padEnd(column.length);
  const lines = runs.map((run) => {
    const cells = columns.map((column) => cell(run, column)).join(" | ");
    return `${run.mutant.padEnd(width)} | ${cells} | ${verdictOn(run)}`;
  });
  return [`${"mutant".padEnd(width)} | ${columns.join(" | ")} | `, ...lines].map((line) => line.trimEnd()).join("\n");
}

export function isCaught(run: MutantRun): boolean {
  return run.findings.length > 0 || (run.others ?? []).length > 0;
}

function isCaughtBy(run: MutantRun, column: string): boolean {
  if (column === "verify") return (run.others ?? []).length > 0;
  return run.findings.some((finding) => finding.check === (column as CheckName));
}

function verdictOn(run: MutantRun): string {
  const by = run.findings[0]?.check ?? (isCaught(run) ? "verify" : undefined);
  const seconds = `${run.seconds.toFixed(1)} s`;
  if (by !== undefined) return `caught by ${by} in ${seconds}`;
  return `${run.mutant === SOUND ? "nothing found" : MISSED} in ${seconds}`;
}
