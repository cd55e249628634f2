import { expect, test } from "vitest";
import { describeMatrix, isCaught, type MutantRun, SOUND } from "./matrix.ts";

const finding = (check: "bank" | "linearizability") => ({ check, count: 1, first: ["x"] });
const RUNS: MutantRun[] = [
  { mutant: "oversell", seconds: 3.14, findings: [finding("bank"), finding("linearizability")] },
  { mutant: "stuck_pending", seconds: 12, findings: [], others: ["verify: x"] },
  { mutant: "harmless", seconds: 60, findings: [], others: [] },
  { mutant: SOUND, seconds: 10, findings: [], others: [] },
];

test("the matrix ticks the checks that caught a mutant, and says who missed it", () => {
  const [header, ...rows] = describeMatrix(RUNS).split("\n");
  const columns = (header ?? "").split("|").map((cell) => cell.trim());
  const ticked = rows.map((row) => columns.filter((_, at) => row.split("|")[at]?.trim() === "x"));
  expect(ticked).toEqual([["bank", "linearizability"], ["verify"], [], []]);
  expect(rows.map((row) => row.split("|").at(-1)?.trim())).toEqual([
    "caught by bank in 3.1 s",
    "caught by verify in 12.0 s",
    "NOT CAUGHT in 60.0 s",
    "nothing found in 10.0 s",
  ]);
  expect(new Set([header, ...rows].map((row) => row?.lastIndexOf("|"))).size).toBe(1);
  expect(RUNS.map(isCaught)).toEqual([true, true, false, false]);
});
