/**
 * One step on a counter: it needs a value between `min` and `max` and adds `delta`, at one instant between `start` and
 * `end`. A step without a delta only looks. `after` is the step (by index) that must come before it; `hint` says at which
 * place somebody believes it to be.
 */
export type Step = {
  label: string;
  start: number;
  end: number;
  delta: number;
  min: number;
  max: number;
  after?: number;
  hint?: number;
};

export const NONE = -1;

/** The steps that are not done yet, in the order of their starts, and the counter's value after those that are. */
export type Remaining = {
  step(index: number): Step;
  isDone(index: number): boolean;
  /** the step that waits for this one, or NONE; and the one for which this one waits */
  dependant(index: number): number;
  awaited(index: number): number;
  /** The first one that is left, and the next one behind one that is left; `size` at the end. */
  first(): number;
  next(index: number): number;
  size: number;
  doneCount(): number;
  value(): number;
  take(index: number): void;
  /** takes back what was done last, until so many are done */
  undoTo(doneCount: number): void;
};

/** Arranges steps as a linked list, from which one is taken and into which it is put back in constant time. */
export function arrangeSteps(initial: number, given: Step[]): Remaining {
  const { steps, awaited, dependant } = sortSteps(given);
  const next = Int32Array.from({ length: steps.length + 1 }, (_, index) => index + 1);
  const previous = Int32Array.from({ length: steps.length + 1 }, (_, index) => index - 1);
  const isDone = new Uint8Array(steps.length);
  const trail: number[] = [];
  let first = 0;
  let value = initial;
  const step = (index: number): Step => steps[index] as Step;

  return {
    step,
    isDone: (index) => isDone[index] === 1,
    dependant: (index) => dependant[index] as number,
    awaited: (index) => awaited[index] as number,
    first: () => first,
    next: (index) => next[index] as number,
    size: steps.length,
    doneCount: () => trail.length,
    value: () => value,
    take(index) {
      const [before, behind] = [previous[index] as number, next[index] as number];
      if (before === NONE) first = behind;
      else next[before] = behind;
      previous[behind] = before;
      isDone[index] = 1;
      value += step(index).delta;
      trail.push(index);
    },
    undoTo(doneCount) {
      while (trail.length > doneCount) {
        const index = trail.pop() as number;
        const [before, behind] = [previous[index] as number, next[index] as number];
        if (before === NONE) first = index;
        else next[before] = index;
        previous[behind] = index;
        isDone[index] = 0;
        value -= step(index).delta;
      }
    },
  };
}

/** Sorts steps by their start, and turns `after` around too: for each step who waits for it. */
function sortSteps(given: Step[]): { steps: Step[]; awaited: Int32Array; dependant: Int32Array } {
  const order = given.map((_, index) => index).toSorted((a, b) => (given[a] as Step).start - (given[b] as Step).start);
  const rank = new Int32Array(given.length);
  order.forEach((index, position) => (rank[index] = position));
  const steps = order.map((index) => given[index] as Step);
  const awaited = new Int32Array(given.length).fill(NONE);
  const dependant = new Int32Array(given.length).fill(NONE);
  steps.forEach((step, position) => {
    if (step.after === undefined) return;
    const earlier = rank[step.after] as number;
    if (dependant[earlier] !== NONE) throw new Error(`two steps wait for ${(steps[earlier] as Step).label}`);
    awaited[position] = earlier;
    dependant[earlier] = position;
  });
  return { steps, awaited, dependant };
}
