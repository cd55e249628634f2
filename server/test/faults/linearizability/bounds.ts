import type { Step } from "./remaining.ts";

/**
 * Finds a step that can't be right whatever the order of those that overlap it: what had ended before it began was done,
 * what began after its end was not, and all that is in between can't bring the counter to where it needs it. A necessary
 * condition, checked in the time of sorting; it refuses at once what a search would have to try in every order.
 * @returns the step and the values that it may have found, or undefined when there is none
 */
export function findOutOfBounds(
  initial: number,
  steps: Step[],
): { step: Step; least: number; most: number } | undefined {
  const started = sumsAlong(steps, (step) => step.start);
  const ended = sumsAlong(steps, (step) => step.end);
  for (const step of steps) {
    const done = ended((end) => end < step.start);
    const begun = started((start) => start <= step.end);
    // The step itself has begun and not ended before it began: it is no part of what it finds.
    const least = initial + done.up + begun.down - Math.min(0, step.delta);
    const most = initial + done.down + begun.up - Math.max(0, step.delta);
    if (step.max < least || step.min > most) return { step, least, most };
  }
  return undefined;
}

type Sums = { up: number; down: number };

/** Sums what adds and what takes away, along a time. @returns the sums of all steps up to a point of it */
function sumsAlong(steps: Step[], timeOf: (step: Step) => number): (isBefore: (time: number) => boolean) => Sums {
  const sorted = steps.map((step) => ({ time: timeOf(step), delta: step.delta })).toSorted((a, b) => a.time - b.time);
  const sums: Sums[] = [{ up: 0, down: 0 }];
  for (const { delta } of sorted) {
    const { up, down } = sums.at(-1) as Sums;
    sums.push({ up: up + Math.max(0, delta), down: down + Math.min(0, delta) });
  }
  return (isBefore) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBefore(sorted[middle]?.time ?? Infinity)) low = middle + 1;
      else high = middle;
    }
    return sums[low] as Sums;
  };
}
