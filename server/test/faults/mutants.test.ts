import { afterAll, beforeAll, expect, test } from "vitest";
import { type Cluster, startCluster } from "./cluster.ts";
import { describeMatrix, type MutantRun } from "./matrix.ts";
import { expose, MUTANTS } from "./mutants.ts";

// All of them take minutes: `MUTANTS=all` in .ci/run and in the drill.
const FEW = ["oversell", "stuck_pending"] as const;
/** A hang must end; how long each took is printed with its line. */
const TEST_WITHIN_MS = 180_000;
const ALL = process.env["MUTANTS"] === "all";
const chosen = ALL ? (Object.keys(MUTANTS) as (keyof typeof MUTANTS)[]) : FEW;

let cluster: Cluster;
const runs: MutantRun[] = [];

beforeAll(async () => {
  cluster = await startCluster();
});

afterAll(async () => {
  await cluster[Symbol.asyncDispose]();
  // oxlint-disable-next-line no-console -- the table is what these tests are for
  console.log(describeMatrix(runs));
});

test.for([...chosen])("a named check catches the mutant %s", { timeout: TEST_WITHIN_MS }, async (mutant) => {
  const run = await expose(cluster, mutant, MUTANTS[mutant]);
  runs.push(run);
  expect(run.findings.map((finding) => finding.check)).toContain(MUTANTS[mutant].by);
});

test(
  "no check fires for a sound shop under the same strain",
  async () => {
    const faults = { worker: "worker.after_claim=duplicate,worker.before_handled=delay:40" };
    const strikes = Object.values(MUTANTS).flatMap((exposure) => exposure.strikes ?? []);
    const run = await expose(cluster, undefined, { by: "bank", faults, strikes: strikes.slice(0, 4) });
    runs.push(run);
    expect([run.findings, run.others]).toEqual([[], []]);
  },
  TEST_WITHIN_MS,
);
