import { writeSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import type { Failpoint } from "#src/config.ts";

const STANDARD_ERROR = 2;

type Fault = { action: string; delayMs: number; from: number; until: number };

// The switches belong to the process as a whole, like the signal that they imitate; handing them through every
// function would put them into every signature. Empty in production: the configuration refuses them there.
const faults = new Map<Failpoint, Fault>();
const hits = new Map<Failpoint, number>();

/**
 * A named place where a test lets the process die, hang, fail, wait or do its work twice. Costs a look into an empty
 * map where nothing is armed.
 * @returns "duplicate" where the caller is to hand its work to the handler once more
 * @throws Error when it is armed with `throw`
 */
export function failpoint(name: Failpoint): Promise<"duplicate" | undefined> | undefined {
  return faults.size === 0 ? undefined : reach(name);
}

/**
 * Arms failpoints in place of all that were armed before, and counts their hits from zero.
 * @param settings as the configuration has checked them: `name=action`, `name=action@3` (the third hit only),
 *   `name=action@3+` (from the third on); without a number every hit counts
 */
export function armFaults(settings: string[]): void {
  faults.clear();
  hits.clear();
  for (const setting of settings) {
    const [, name = "", action = "", delay, hit, onwards] =
      /^([\w.]+)=(\w+)(?::(\d+))?(?:@(\d+)(\+)?)?$/.exec(setting) ?? [];
    const from = Number(hit ?? 1);
    const until = hit === undefined || onwards !== undefined ? Infinity : from;
    faults.set(name as Failpoint, { action, delayMs: Number(delay ?? 0), from, until });
  }
}

async function reach(name: Failpoint): Promise<"duplicate" | undefined> {
  const fault = faults.get(name);
  if (fault === undefined) return undefined;
  const hit = (hits.get(name) ?? 0) + 1;
  hits.set(name, hit);
  if (hit < fault.from || hit > fault.until) return undefined;
  // Written at once and past the log, of which a killed process takes the last lines along.
  writeSync(STANDARD_ERROR, `${JSON.stringify({ failpoint: name, action: fault.action, hit, pid: process.pid })}\n`);
  switch (fault.action) {
    case "exit":
      process.kill(process.pid, "SIGKILL");
      return undefined;
    case "hang":
      return await new Promise<never>(() => undefined);
    case "throw":
      throw new Error(`the failpoint ${name} was told to throw`);
    case "delay":
      await setTimeout(fault.delayMs);
      return undefined;
    default:
      return "duplicate";
  }
}
