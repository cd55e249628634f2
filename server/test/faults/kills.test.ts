import { expect, test } from "vitest";
import { startCluster } from "./cluster.ts";
import { describeFindings } from "./judge.ts";
import { undergo } from "./ordeal.ts";
import { describe, plan } from "./strikes.ts";

const SEED = Number(process.env["SEED"] ?? 1);
const KILLS = Number(process.env["KILLS"] ?? 20);
const MS_PER_KILL = 3_000;
const START_MS = 60_000;

test(
  `${KILLS} kills under load, seed ${SEED}: nothing acknowledged is lost, doubled or left pending`,
  async () => {
    await using cluster = await startCluster();
    const strikes = plan(SEED, KILLS);
    const { toll, findings, others, ...figures } = await undergo(cluster, { seed: SEED, strikes });
    // oxlint-disable-next-line no-console -- what was done is needed to do it again
    console.log([JSON.stringify(figures), ...strikes.map(describe)].join("\n"));
    expect(describeFindings(findings)).toBe("");
    expect(others).toEqual([]);
    expect(toll.done).toBe(KILLS);
  },
  START_MS + KILLS * MS_PER_KILL,
);
