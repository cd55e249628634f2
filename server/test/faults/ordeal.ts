import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { verifyDatabase } from "#src/app.ts";
import { until } from "#test/until.ts";
import { carryOut, type Toll } from "./battle.ts";
import { type Cluster, query } from "./cluster.ts";
import type { Journey, JourneyEntry } from "./checks/evidence.ts";
import { readHistory } from "./history.ts";
import { type Finding, judge } from "./judge.ts";
import { startLoad } from "./load.ts";
import { ask, type Person } from "./people.ts";
import { drained, type Shop, type ShopOptions, startShop } from "./shop-under-fire.ts";
import type { Role } from "./slot.ts";
import { readSnapshot, type Snapshot } from "./snapshot.ts";
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
  /** how long reservations may take to end when the load is over; 30 s when absent */
  endWithinMs?: number;
  shop?: ShopOptions;
  signal?: AbortSignal;
  onStrike?: (toll: Toll) => void;
};

const MS_PER_SECOND = 1_000;
const SERVER_ERROR = 500;
const UNANSWERED = { status: SERVER_ERROR, body: {} as Record<string, unknown> };
/** Short, so that orders which nobody pays expire under the load, and before it is judged. */
const RESERVATION_SECONDS = 2;
const EXPIRED_WITHIN_MS = 30_000;
/** Journeys that are read: those in which something failed first. */
const JOURNEYS = 30;

/** Load and strikes on a shop of its own; then everything is drained and judged. */
export async function undergo(cluster: Cluster, options: OrdealOptions): Promise<Ordeal> {
  const startedAt = performance.now();
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-history-"));
  const file = path.join(folder, "calls.jsonl");
  let isKept = false;
  try {
    const env = { RESERVATION_SECONDS: String(RESERVATION_SECONDS), ...options.shop?.env };
    await using shop = await startShop(cluster, { apis: 2, workers: 2, ...options.shop, env });
    const load = await startLoad(shop, {
      seed: options.seed,
      file,
      reservationMs: RESERVATION_SECONDS * MS_PER_SECOND,
    });
    const enough = setTimeout(options.loadMs ?? 0);
    const slots = [...shop.apis, ...shop.workers];
    await Promise.all(slots.map((slot) => slot.arm(options.faults?.[slot.role] ?? "")));
    const toll = await carryOut(shop, options.strikes, options);
    await enough;
    await Promise.all(slots.map((slot) => slot.arm("")));
    await shop.ready();
    await load.stop();
    const others = [...(await settle(shop, options.endWithinMs)), ...(await verify(shop))];
    const history = readHistory(file);
    const snapshot = await readSnapshot(shop.databaseUrl);
    const findings = judge(history, snapshot, {
      products: load.products,
      staff: load.staff.map(({ id }) => id),
      reservation_ms: RESERVATION_SECONDS * MS_PER_SECOND,
      journeys: await readJourneys(shop, load.staff, snapshot),
    });
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
async function settle(shop: Shop, endWithinMs?: number): Promise<string[]> {
  const broken = [...shop.apis, ...shop.workers].flatMap(({ crashes, tail }) => {
    return crashes.length === 0 ? [] : [...crashes, ...tail];
  });
  await expired(shop, endWithinMs).catch((error: unknown) => broken.push(`reservations do not end: ${String(error)}`));
  await drained(shop).catch((error: unknown) => broken.push(`deliveries do not end: ${String(error)}`));
  return broken;
}

/** Resolves when no order is undecided or unpaid any more: each is decided, and then its time is over. */
async function expired(shop: Shop, withinMs: number = EXPIRED_WITHIN_MS): Promise<void> {
  const text = "SELECT status, count(*)::int FROM orders WHERE status IN ('pending', 'reserved') GROUP BY status";
  const open = () => query(shop.databaseUrl, text).catch(() => undefined);
  await until(async () => (await open())?.length === 0, open, withinMs);
}

async function readJourneys(shop: Shop, [reader]: Person[], snapshot: Snapshot): Promise<Journey[]> {
  const ids = [...snapshot.failures, ...snapshot.orders].map(({ correlation_id }) => correlation_id);
  const [url = ""] = shop.urls;
  const token = reader?.token ?? "";
  const journeys: Journey[] = [];
  // One after the other, and again when the machine is too busy to answer: what counts is what is told.
  for (const correlation_id of [...new Set(ids)].slice(0, JOURNEYS)) {
    const route = `/api/v1/operations/journeys/${encodeURIComponent(correlation_id)}`;
    const told = await until(async () => {
      const { status, body } = await ask(`${url}${route}`, { token }).catch(() => UNANSWERED);
      return status < SERVER_ERROR && body;
    });
    journeys.push({ correlation_id, entries: (told["entries"] ?? []) as JourneyEntry[] });
  }
  return journeys;
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
