import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { verifyDatabase } from "#src/app.ts";
import { carryOut, type Toll } from "./battle.ts";
import { type Cluster, query } from "./cluster.ts";
import { type Call, readHistory } from "./history.ts";
import { startLoad } from "./load.ts";
import { drained, type Shop, type ShopOptions, startShop } from "./shop-under-fire.ts";
import { plan, type Strike } from "./strikes.ts";

/** Something that must not be, found by a check that has a name. */
export type Finding = { check: string; detail: string };
export type Ordeal = {
  strikes: Strike[];
  toll: Toll;
  findings: Finding[];
  calls: number;
  unknown: number;
  orders: number;
  redeliveries: number;
  seconds: number;
};
export type OrdealOptions = {
  seed: number;
  kills: number;
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
  try {
    await using shop = await startShop(cluster, { apis: 2, workers: 2, ...options.shop });
    const load = await startLoad(shop, { seed: options.seed, file });
    const strikes = plan(options.seed, options.kills);
    const toll = await carryOut(shop, strikes, options);
    await shop.ready();
    await load.stop();
    const findings = await settle(shop);
    const history = readHistory(file);
    findings.push(...(await judgeAll(shop, history)));
    const { orders, redeliveries } = await figures(shop);
    const unknown = history.filter((call) => call.outcome === "unknown").length;
    const seconds = Math.round((performance.now() - startedAt) / MS_PER_SECOND);
    return { strikes, toll, findings, calls: history.length, unknown, orders, redeliveries, seconds };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What is open must end by itself; a process that ended without being killed is a finding, too. */
async function settle(shop: Shop): Promise<Finding[]> {
  const findings = [...shop.apis, ...shop.workers].flatMap((slot) =>
    slot.crashes.map((detail) => ({
      check: "processes survive what is done to others",
      detail: `${detail}\n${slot.tail.join("\n")}`,
    })),
  );
  await drained(shop).catch((error: unknown) => {
    findings.push({ check: "every delivery ends", detail: String(error) });
  });
  return findings;
}

async function judgeAll(shop: Shop, history: Call[]): Promise<Finding[]> {
  const verified = await verifyDatabase(shop.databaseUrl);
  const broken = verified.flatMap(({ name, offending }) =>
    offending.map((detail) => ({ check: `verify: ${name}`, detail })),
  );
  return [...broken, ...(await acknowledgedAreThere(shop, history))];
}

async function acknowledgedAreThere(shop: Shop, history: Call[]): Promise<Finding[]> {
  const rows = await query<{ id: number; status: string }>(shop.databaseUrl, "SELECT id::int, status FROM orders");
  const statusOf = new Map(rows.map((row) => [row.id, row.status]));
  const acknowledged = history.flatMap((call) =>
    call.kind === "order" && call.outcome === "ok" ? [call.output.id] : [],
  );
  return acknowledged.flatMap((id): Finding[] => {
    const status = statusOf.get(id);
    if (status === undefined) return [{ check: "acknowledged orders are there", detail: `order ${id} is not` }];
    return status === "pending" ? [{ check: "every order ends", detail: `order ${id} is pending` }] : [];
  });
}

async function figures(shop: Shop): Promise<{ orders: number; redeliveries: number }> {
  const [row] = await query<{ orders: number; redeliveries: number }>(
    shop.databaseUrl,
    `SELECT (SELECT count(*)::int FROM orders) AS orders,
       (SELECT coalesce(sum(attempts - 1), 0)::int FROM deliveries WHERE attempts > 1) AS redeliveries`,
  );
  return row ?? { orders: 0, redeliveries: 0 };
}
