import type { Step } from "./remaining.ts";

const READS = 0.3;
const RETURNS = 0.25;
const MAX_QUANTITY = 3;
const PIECES_PER_STEP = 1.2;
const UNIT = 2 ** 32;

/**
 * A right history by construction: steps are carried out one after the other, and each is given an interval around its
 * instant that overlaps those of about as many others as there are clients. Orders of 1 to 3 pieces, refused when there
 * are too few; returns of what an order took; reads. The same seed gives the same history.
 */
export function crowdedRun(run: { seed: number; clients: number; length: number }): { initial: number; steps: Step[] } {
  const random = newRandom(run.seed);
  const initial = Math.ceil(run.length * PIECES_PER_STEP);
  const steps: Step[] = [];
  const held: number[] = [];
  const busyUntil = new Float64Array(run.clients);
  let value = initial;

  for (let instant = 1; steps.length < run.length; instant += 1) {
    const client = Math.floor(random() * run.clients);
    // A client does one thing at a time: its call begins after the end of its last one.
    const start = Math.max(busyUntil[client] as number, instant - 1 - random() * run.clients);
    if (start >= instant) continue;
    const end = instant + random() * run.clients;
    busyUntil[client] = end;
    const step = { ...nextStep(), start, end, hint: instant };
    value += step.delta;
    if (step.delta < 0) held.push(steps.length);
    steps.push(step);
  }
  return { initial, steps };

  function nextStep(): Omit<Step, "start" | "end"> {
    const kind = random();
    if (kind < READS) return { label: `read ${value}`, delta: 0, min: value, max: value };
    const after = kind < READS + RETURNS ? held.shift() : undefined;
    if (after !== undefined) {
      const quantity = -(steps[after] as Step).delta;
      return { label: `return ${quantity}`, delta: quantity, min: -Infinity, max: Infinity, after };
    }
    const quantity = 1 + Math.floor(random() * MAX_QUANTITY);
    if (value < quantity) return { label: `refused ${quantity}`, delta: 0, min: -Infinity, max: quantity - 1 };
    return { label: `order ${quantity}`, delta: -quantity, min: quantity, max: Infinity };
  }
}

/** A small generator of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
function newRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / UNIT;
  };
}
