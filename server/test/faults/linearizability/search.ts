import { findOutOfBounds } from "./bounds.ts";
import { arrangeSteps, NONE, type Remaining, type Step } from "./remaining.ts";

export type Judgement =
  | { verdict: "linearizable"; configurations: number }
  /** `stuck`: where the search got furthest: what the counter was then, and what could not come next */
  | { verdict: "impossible" | "undecided"; configurations: number; stuck: Stuck };
type Stuck = { done: number; value: number; at: string[] };

/** A history of a shop that works needs about one configuration per step; this many take a few seconds. */
const MAX_CONFIGURATIONS = 200_000;
const NAMED_STEPS = 8;
// An index as two characters that are no halves of a surrogate pair.
const LOW_BITS_COUNT = 15;
const LOW_BITS = 0x7fff;

/** A configuration: how many steps were done before it, and with the looks that it settled; what is left to try. */
type Frame = { before: number; settled: number; choices: number[] };

/**
 * Decides whether steps that overlapped in time can be put in a row so that each finds the counter as it needs it and
 * whatever ended before another began comes before it: Herlihy and Wing's linearizability, by the search of Wing and
 * Gong with Lowe's memory of configurations that lead nowhere. Exact, never heuristic: two shortcuts that lose no
 * solution keep it small. What only looks and finds what it needs is done at once: it changes nothing and stands in
 * nobody's way. Of two steps that need and add the same, the one that has to end first goes first: in every solution
 * the two can be exchanged. Hints say what to try first, and decide nothing.
 */
export function linearize(initial: number, steps: Step[], maxConfigurations = MAX_CONFIGURATIONS): Judgement {
  const wrong = findOutOfBounds(initial, steps);
  if (wrong !== undefined) {
    const { step, least, most } = wrong;
    const stuck = { done: 0, value: initial, at: [`${step.label}, which can only find ${least} to ${most}`] };
    return { verdict: "impossible", configurations: 0, stuck };
  }
  const remaining = arrangeSteps(initial, steps);
  const dead = new Set<string>();
  const frames: Frame[] = [];
  let stuck: Stuck = { done: NONE, value: initial, at: [] };

  for (let configurations = 1; ; configurations += 1) {
    const before = remaining.doneCount();
    const choices = settle(remaining);
    const settled = remaining.doneCount();
    if (settled === remaining.size) return { verdict: "linearizable", configurations };
    if (settled > stuck.done) stuck = { done: settled, value: remaining.value(), at: waiting(remaining) };
    if (configurations >= maxConfigurations) return { verdict: "undecided", configurations, stuck };
    const isDead = dead.size > 0 && dead.has(keyOf(remaining));
    frames.push({ before, settled, choices: isDead ? [] : choices });

    const choice = nextChoice(remaining, frames, dead);
    if (choice === undefined) return { verdict: "impossible", configurations, stuck };
    remaining.take(choice);
  }
}

/** Goes back to the last configuration in which something is left to try; what is left behind is dead. */
function nextChoice(remaining: Remaining, frames: Frame[], dead: Set<string>): number | undefined {
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    remaining.undoTo(frame.settled);
    const choice = frame.choices.shift();
    if (choice !== undefined) return choice;
    dead.add(keyOf(remaining));
    remaining.undoTo(frame.before);
    frames.pop();
  }
  return undefined;
}

/**
 * Does every look that is possible now. What may come next stands at the front of what is left: it began before any other
 * of those had ended.
 * @returns the steps worth trying next: the one that is hinted at, then the one that has to end first
 */
function settle(remaining: Remaining): number[] {
  const { step } = remaining;
  let choices: number[] = [];
  let hinted: { at: number; hint: number } | undefined;
  let minEnd = Infinity;
  for (let at = remaining.first(); at < remaining.size && step(at).start <= minEnd; at = remaining.next(at)) {
    const one = step(at);
    const isPossible = mayBeNext(remaining, at);
    if (isPossible && one.delta === 0) {
      remaining.take(at);
      continue;
    }
    minEnd = Math.min(minEnd, one.end);
    if (!isPossible) continue;
    const { hint = Infinity } = one;
    if (hint < (hinted?.hint ?? Infinity)) hinted = { at, hint };
    if (choices.some((choice) => mayReplace(remaining, choice, at))) continue;
    choices = [...choices.filter((choice) => !mayReplace(remaining, at, choice)), at];
  }
  choices.sort((one, other) => step(one).end - step(other).end);
  return hinted === undefined ? choices : [hinted.at, ...choices.filter((choice) => choice !== hinted.at)];
}

function mayBeNext({ step, awaited, isDone, value }: Remaining, at: number): boolean {
  const { min, max } = step(at);
  return min <= value() && value() <= max && (awaited(at) === NONE || isDone(awaited(at)));
}

/** Of two equal steps the one that ends first; unless what waits for the other might have to come before it. */
function mayReplace({ step, dependant }: Remaining, first: number, second: number): boolean {
  const [one, other] = [step(first), step(second)];
  const isEqual = one.delta === other.delta && one.min === other.min && one.max === other.max;
  const waits = dependant(second);
  return isEqual && one.end <= other.end && (waits === NONE || step(waits).start > one.end);
}

/**
 * Names a configuration by the steps that are left although a later one is done, and by how many are done: together they
 * say which, and the value follows from that.
 */
function keyOf(remaining: Remaining): string {
  const done = remaining.doneCount();
  let left = "";
  for (let at = remaining.first(), count = 0; at - count < done; at = remaining.next(at), count += 1) {
    left += String.fromCharCode(at & LOW_BITS, at >> LOW_BITS_COUNT);
  }
  return `${done} ${left}`;
}

/** What stands at the front. */
function waiting({ step, first, next, size }: Remaining): string[] {
  const labels: string[] = [];
  let minEnd = Infinity;
  for (let at = first(); at < size && step(at).start <= minEnd; at = next(at)) {
    minEnd = Math.min(minEnd, step(at).end);
    labels.push(step(at).label);
  }
  return labels.length <= NAMED_STEPS ? labels : [...labels.slice(0, NAMED_STEPS), `${labels.length} altogether`];
}
