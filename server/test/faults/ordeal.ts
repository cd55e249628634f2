import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { verifyDatabase } from "#src/app.ts";
import { carryOut, type Toll } from "./battle.ts";
import { type Cluster, query } from "./cluster.ts";
import { readHistory } from "./history.ts";
import { type Finding, judge } from "./judge.ts";
import { startLoad } from "./load.ts";
import { drained, type Shop, type ShopOptions, startShop } from "./shop-under-fire.ts";
import type { Role } from "./slot.ts";
import { readSnapshot } from "./snapshot.ts";
import type { Strike } from "./strikes.ts";

export type Ordeal = {
  toll: Toll;
  findings: Finding[];
  /** what `verify` says, deliveries that do not end, and processes that ended without being killed */
  others: string[];
  calls: number;
  unknown: number;
  orders: number;
  redeliveries: number;
  seconds: number;
  /** the file of the calls, kept when a shop without a planted defect was found wanting: `readHistory` reads it */
  history?: string;
};
export type OrdealOptions = {
  seed: number;
  strikes: Strike[];
  /** armed in every process of a role while the load runs */
  faults?: Partial<Record<Role, string>>;
  /** how long the load runs at least */
  loadMs?: number;
  shop?: ShopOptions;
  signal?: AbortSignal;
  onStrike?: (toll: Toll) => void;
};

const MS_PER_SECOND = 1_000;

/** Load and strikes on a shop of its own; then everything is drained and judged. */
export async function undergo(cluster: Cluster, options: OrdealOptions): Promise<Ordeal> {
  const startedAt = performance.now();
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-history-"));
  const file = path.join(folder, "calls.jsonl");
  let isKept = false;
  try {
    await using shop = await startShop(cluster, { apis: 2, workers: 2, ...options.shop });
    const load = await startLoad(shop, { seed: options.seed, file });
    const enough = setTimeout(options.loadMs ?? 0);
    const slots = [...shop.apis, ...shop.workers];
    await Promise.all(slots.map((slot) => slot.arm(options.faults?.[slot.role] ?? "")));
    const toll = await carryOut(shop, options.strikes, options);
    await enough;
    await Promise.all(slots.map((slot) => slot.arm("")));
    await shop.ready();
    await load.stop();
    const others = [...(await settle(shop)), ...(await verify(shop))];
    const history = readHistory(file);
    const facts = { products: load.products, staff: [load.staff.id] };
    const findings = judge(history, await readSnapshot(shop.databaseUrl), facts);
    const { orders, redeliveries } = await figures(shop);
    const unknown = history.filter((call) => call.outcome === "unknown").length;
    const seconds = Math.round((performance.now() - startedAt) / MS_PER_SECOND);
    isKept = findings.length > 0 && options.shop?.env?.["MUTANT"] === undefined;
    const kept = isKept ? { history: file } : {};
    return { toll, findings, others, calls: history.length, unknown, orders, redeliveries, seconds, ...kept };
  } finally {
    if (!isKept) await rm(folder, { recursive: true, force: true });
  }
}

/** What is open must end by itself; a process that ended without being killed is a finding, too. */
async function settle(shop: Shop): Promise<string[]> {
  const broken = [...shop.apis, ...shop.workers].flatMap(({ crashes, tail }) => {
    return crashes.length === 0 ? [] : [...crashes, ...tail];
  });
  await drained(shop).catch((error: unknown) => broken.push(`deliveries do not end: ${String(error)}`));
  return broken;
}

async function verify(shop: Shop): Promise<string[]> {
  const found = await verifyDatabase(shop.databaseUrl);
  return found.flatMap(({ name, offending }) => offending.map((line) => `verify: ${name}: ${line}`));
}

async function figures(shop: Shop): Promise<{ orders: number; redeliveries: number }> {
  const [row] = await query<{ orders: number; redeliveries: number }>(
    shop.databaseUrl,
    `SELECT (SELECT count(*)::int FROM orders) AS orders,
       (SELECT coalesce(sum(attempts - 1), 0)::int FROM deliveries WHERE attempts > 1) AS redeliveries`,
  );
  return row ?? { orders: 0, redeliveries: 0 };
}
