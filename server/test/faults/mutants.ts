import type { Mutant } from "#src/config.ts";
import type { Cluster } from "./cluster.ts";
import type { CheckName } from "./judge.ts";
import { type MutantRun, SOUND } from "./matrix.ts";
import { undergo } from "./ordeal.ts";
import type { Role } from "./slot.ts";
import type { Strike } from "./strikes.ts";

/** The check that has to notice a defect, and what brings it to light: armed faults while the load runs, and strikes. */
export type Exposure = { by: CheckName; faults?: Partial<Record<Role, string>>; strikes?: Strike[]; loadMs?: number };

/** What no load on PostgreSQL brings to light. */
type AtBrokersOnly = "relay_marks_before_confirm" | "nack_without_limit";

const LOAD_MS = 3_000;
const DEFECT_ENDS_WITHIN_MS = 8_000;

/** Every defect that can be planted, with what brings it to light. */
export const MUTANTS: Record<Exclude<Mutant, AtBrokersOnly>, Exposure> = {
  ack_before_commit: { by: "total queue", faults: { api: "transaction.before_commit=throw@10+" } },
  no_deduplication: { by: "unique effects", faults: { worker: "worker.after_claim=duplicate" } },
  dual_write: { by: "total queue", strikes: killsAt("api", "transaction.after_commit") },
  oversell: { by: "bank", faults: { worker: "worker.before_handled=delay:40" } },
  no_idempotency: { by: "unique effects", strikes: killsAt("api", "transaction.after_commit") },
  release_twice: { by: "cancelling" },
  stuck_pending: { by: "total queue", strikes: killsAt("worker", "worker.before_handled") },
  price_not_fixed: { by: "fixed prices", faults: { worker: "worker.after_claim=delay:200" } },
  foreign_order_visible: { by: "isolation" },
  release_lost_on_cancel: { by: "cancelling" },
  mail_twice: { by: "mails" },
  // Between a look and what it decides, so that payments come in between.
  expiry_races_payment: {
    by: "monotonic status",
    faults: { worker: "transaction.after_commit=delay:300" },
    loadMs: 6_000,
  },
  journey_without_failures: { by: "journeys", faults: { worker: "worker.before_handled=throw@3" } },
};

function killsAt(role: Role, failpoint: string): Strike[] {
  return [0, 1, 0, 1].map((process) => ({ kind: "failpoint", role, process, failpoint, hit: 2 }));
}

/** Runs a defective shop, or a sound one under the same strain, and judges it. */
export async function expose(cluster: Cluster, mutant: Mutant | undefined, exposure: Exposure): Promise<MutantRun> {
  const env: Record<string, string> = mutant === undefined ? {} : { MUTANT: mutant };
  const { by: _, ...strain } = exposure;
  // What a defect leaves open for ever need not be waited for as long as what a busy machine leaves open.
  const patience = mutant === undefined ? {} : { endWithinMs: DEFECT_ENDS_WITHIN_MS };
  const ordeal = await undergo(cluster, {
    seed: 1,
    strikes: [],
    loadMs: LOAD_MS,
    ...patience,
    ...strain,
    shop: { env },
  });
  return { mutant: mutant ?? SOUND, ...ordeal };
}
