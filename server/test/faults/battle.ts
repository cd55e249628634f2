import { setTimeout } from "node:timers/promises";
import type { Shop } from "./shop-under-fire.ts";
import type { Slot } from "./slot.ts";
import { describe, type Strike } from "./strikes.ts";

/** How often what was struck; a failpoint that nobody reached in time is a miss, and its process is killed anyway. */
export type Toll = { struck: Map<string, number>; missed: string[]; done: number };

// Under a load every failpoint is reached within milliseconds; after a killed server it takes as long as the recovery,
// and on a machine that is busy with other things longer still.
const REACH_MS = 15_000;
// Longer than a third of a lease, so that it is renewed.
const SLOW_BATCH_MS = 600;
const BEFORE_STOP_MS = 300;

/**
 * Carries out strikes: those on one process one after the other, those on different ones at the same time.
 * @param onStrike after each
 */
export async function carryOut(
  shop: Shop,
  strikes: Strike[],
  options: { signal?: AbortSignal; onStrike?: (toll: Toll) => void } = {},
): Promise<Toll> {
  const toll: Toll = { struck: new Map(), missed: [], done: 0 };
  const lanes = Map.groupBy(strikes, laneOf);
  await Promise.all(
    [...lanes.values()].map(async (lane) => {
      for (const strike of lane) {
        if (options.signal?.aborted === true) return;
        const name = nameOf(strike);
        if (await carryOutOne(shop, strike)) toll.struck.set(name, (toll.struck.get(name) ?? 0) + 1);
        else toll.missed.push(describe(strike));
        toll.done += 1;
        options.onStrike?.(toll);
      }
    }),
  );
  return toll;
}

function laneOf(strike: Strike): string {
  if (strike.kind === "session" || strike.kind === "server") return "postgres";
  if (strike.kind === "broker") return "broker";
  return `${strike.kind === "pause" ? "worker" : strike.role}-${strike.process}`;
}

/** The row of the table in which a strike is counted. */
export function nameOf(strike: Strike): string {
  switch (strike.kind) {
    case "failpoint":
      return `${strike.role} at ${strike.failpoint}`;
    case "random":
      return `${strike.role} at random`;
    case "pause":
      return "worker stopped past its lease";
    case "session":
      return strike.how === "kill" ? "PostgreSQL session, SIGKILL" : "PostgreSQL session, terminated";
    case "broker":
      return "broker";
    case "server":
    default:
      return "PostgreSQL server";
  }
}

async function carryOutOne(shop: Shop, strike: Strike): Promise<boolean> {
  switch (strike.kind) {
    case "failpoint":
      return await killAt(slotOf(shop, strike.role, strike.process), strike.failpoint, strike.hit);
    case "random":
      await setTimeout(strike.afterMs);
      await kill(slotOf(shop, strike.role, strike.process));
      return true;
    case "pause":
      return await pause(slotOf(shop, "worker", strike.process), strike.forMs);
    case "session":
      await setTimeout(strike.afterMs);
      return await shop.cluster.killSession(shop.databaseUrl, strike.how);
    case "broker":
      await setTimeout(strike.afterMs);
      await shop.broker?.kill();
      await setTimeout(strike.forMs);
      await shop.broker?.start();
      return true;
    case "server":
    default:
      await setTimeout(strike.afterMs);
      await shop.cluster.killServer();
      return true;
  }
}

function slotOf(shop: Shop, role: "api" | "worker", index: number): Slot {
  const slots = role === "api" ? shop.apis : shop.workers;
  const slot = slots[index % slots.length];
  if (slot === undefined) throw new Error(`there is no ${role} ${index}`);
  return slot;
}

async function kill(slot: Slot): Promise<void> {
  const dead = slot.died();
  slot.signal("SIGKILL");
  await dead;
  await slot.ready();
}

async function killAt(slot: Slot, failpoint: string, hit: number): Promise<boolean> {
  await slot.ready();
  const dead = slot.died().then(() => true);
  const slow = failpoint === "worker.at_renewal" ? `worker.before_handled=delay:${SLOW_BATCH_MS},` : "";
  await slot.arm(`${slow}${failpoint}=exit@${hit}+`);
  const timer = new AbortController();
  const late = setTimeout(REACH_MS, false, { signal: timer.signal }).catch(() => false);
  const reached = await Promise.race([dead, late]);
  timer.abort();
  if (!reached) await kill(slot);
  else await slot.ready();
  return reached;
}

/** Stops a worker that holds a batch, until another one has taken it over; then it goes on and must not finish it. */
async function pause(slot: Slot, forMs: number): Promise<boolean> {
  await slot.ready();
  const held = slot.nextHit().then(() => true);
  await slot.arm(`worker.after_claim=delay:${BEFORE_STOP_MS}@1`);
  const timer = new AbortController();
  const late = setTimeout(REACH_MS, false, { signal: timer.signal }).catch(() => false);
  const reached = await Promise.race([held, late]);
  timer.abort();
  slot.signal("SIGSTOP");
  await setTimeout(forMs);
  slot.signal("SIGCONT");
  await slot.arm("");
  return reached;
}
