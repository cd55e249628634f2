import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Step } from "./remaining.ts";
import { linearize } from "./search.ts";
import { crowdedRun } from "./generate.ts";

const take = (quantity: number, [start, end]: [number, number]): Step => {
  return { label: `take ${quantity}`, start, end, delta: -quantity, min: quantity, max: Infinity };
};
const give = (quantity: number, [start, end]: [number, number], after?: number): Step => {
  const step = { label: `give ${quantity}`, start, end, delta: quantity, min: -Infinity, max: Infinity };
  return after === undefined ? step : { ...step, after };
};
const read = (value: number, [start, end]: [number, number]): Step => {
  return { label: `read ${value}`, start, end, delta: 0, min: value, max: value };
};
const refused = (quantity: number, [start, end]: [number, number]): Step => {
  return { label: `refused ${quantity}`, start, end, delta: 0, min: -Infinity, max: quantity - 1 };
};

describe("by hand", () => {
  test.each<[string, number, Step[]]>([
    ["nothing at all", 5, []],
    ["one after the other", 5, [take(2, [0, 1]), read(3, [2, 3]), take(3, [4, 5]), refused(1, [6, 7])]],
    ["a read that overlaps a take sees the stock before it", 5, [take(2, [0, 9]), read(5, [3, 4])]],
    ["or after it", 5, [take(2, [0, 9]), read(3, [3, 4])]],
    ["two reads in a row see first the one, then the other", 5, [take(2, [0, 9]), read(5, [1, 2]), read(3, [3, 4])]],
    ["the last one goes to one of two", 1, [take(1, [0, 9]), refused(1, [0, 9])]],
    ["what ends the moment another begins may be the later one", 5, [take(2, [0, 3]), read(5, [3, 4])]],
    ["a give before the take that needs it, against the order of starts", 0, [take(1, [0, 9]), give(1, [5, 6])]],
    ["who ends first need not go first", 3, [take(2, [0, 5]), take(1, [0, 9]), read(2, [1, 2])]],
    [
      "of two equal takes the later one goes first when its return is already seen",
      2,
      [take(1, [0, 8]), take(1, [0, 9]), give(1, [1, 2], 1), read(2, [3, 4])],
    ],
    [
      "an unknown call that was done takes effect long after it was given up",
      5,
      [take(2, [0, Infinity]), read(5, [50, 51])],
    ],
  ])("accepts: %s", (_, initial, steps) => {
    expect(linearize(initial, steps).verdict).toBe("linearizable");
    expect(isPossibleByTrying(initial, steps)).toBe(true);
  });

  test.each<[string, number, Step[]]>([
    ["more than there was", 1, [take(1, [0, 9]), take(1, [0, 9])]],
    ["a read of the stock before a take that had ended", 5, [take(2, [0, 1]), read(5, [2, 3])]],
    ["a read of the stock after a take that had not begun", 5, [read(3, [0, 1]), take(2, [2, 3])]],
    ["a refusal while there was enough", 5, [refused(5, [0, 1])]],
    ["two reads in a row that see a take come and go", 5, [take(2, [0, 9]), read(3, [1, 2]), read(5, [3, 4])]],
    ["a value that no set of takes leads to", 5, [take(2, [0, 9]), take(2, [0, 9]), read(4, [0, 9])]],
    ["a return before what it gives back was taken", 0, [take(1, [0, 9]), give(1, [0, 9], 0)]],
  ])("refuses: %s", (_, initial, steps) => {
    expect(linearize(initial, steps).verdict).toBe("impossible");
    expect(isPossibleByTrying(initial, steps)).toBe(false);
  });

  test("says at once what can't be right in any order, and what it could have found", () => {
    const steps = [take(2, [0, 1]), take(2, [2, 9]), read(5, [4, 5]), read(1, [10, 11])];
    const stuck = { done: 0, value: 5, at: ["read 5, which can only find 1 to 3"] };
    expect(linearize(5, steps)).toEqual({ verdict: "impossible", configurations: 0, stuck });
  });

  test("says how far it came and what could not come next", () => {
    const steps = [take(2, [0, 9]), read(3, [1, 2]), read(5, [3, 4]), read(3, [10, 11])];
    expect(linearize(5, steps)).toMatchObject({ verdict: "impossible", stuck: { done: 2, value: 3, at: ["read 5"] } });
  });

  test("gives up after so many configurations and says that it does not know", () => {
    // All takes are even and the read is odd: each subset would have to be tried.
    const steps = Array.from({ length: 30 }, (_, index) => take(2 ** (index + 1), [0, 9]));
    expect(linearize(2 ** 31, [...steps, read(2 ** 20 + 1, [0, 9])], 100).verdict).toBe("undecided");
  });
});

describe("any history", () => {
  const anyStep = fc
    .record({
      make: fc.constantFrom(take, give, read, refused),
      quantity: fc.integer({ min: 0, max: 3 }),
      start: fc.integer({ min: 0, max: 12 }),
      lasting: fc.integer({ min: 0, max: 6 }),
    })
    .map(({ make, quantity, start, lasting }) => make(quantity, [start, start + lasting]));
  // At times a give waits for a take, as the release of an order waits for its reservation.
  const anySteps = fc.tuple(fc.array(anyStep, { maxLength: 7 }), fc.nat(6), fc.nat(6)).map(([steps, one, other]) => {
    const [first, second] = [steps[one], steps[other]];
    if (first === undefined || second === undefined || first.delta >= 0 || second.delta <= 0) return steps;
    return steps.with(other, { ...second, after: one });
  });

  test("is judged as trying all orders judges it", () => {
    const verdicts = { true: 0, false: 0 };
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 5 }), anySteps, (initial, steps) => {
        const isPossible = isPossibleByTrying(initial, steps);
        verdicts[`${isPossible}`] += 1;
        expect(linearize(initial, steps).verdict).toBe(isPossible ? "linearizable" : "impossible");
      }),
      { numRuns: 3_000 },
    );
    expect(Math.min(verdicts.true, verdicts.false)).toBeGreaterThan(100);
  });

  test("that comes from one thing after the other is accepted, and refused with one read falsified", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 64 }), fc.nat(), (seed, clients, which) => {
        const { initial, steps } = crowdedRun({ seed, clients, length: 300 });
        expect(linearize(initial, steps).verdict).toBe("linearizable");
        const reads = steps.filter((step) => step.delta === 0 && step.min === step.max);
        const falsified = reads[which % reads.length];
        if (falsified === undefined) return;
        const reachable = steps.reduce((sum, step) => sum + Math.max(0, step.delta), initial);
        const value = reachable + 1;
        const lied = steps.map((step) => (step === falsified ? { ...step, min: value, max: value } : step));
        expect(linearize(initial, lied).verdict).toBe("impossible");
      }),
      { numRuns: 60 },
    );
  });

  test("with a quiet moment is refused when a read in that moment is off by one", () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 1, max: 32 }), fc.constantFrom(-1, 1), (seed, clients, error) => {
        const { initial, steps } = crowdedRun({ seed, clients, length: 200 });
        const end = Math.max(...steps.map((step) => step.end));
        const left = steps.reduce((sum, step) => sum + step.delta, initial);
        expect(linearize(initial, [...steps, read(left, [end + 1, end + 2])]).verdict).toBe("linearizable");
        expect(linearize(initial, [...steps, read(left + error, [end + 1, end + 2])]).verdict).toBe("impossible");
      }),
      { numRuns: 60 },
    );
  });
});

test("19,200 steps of 64 clients are decided in about a configuration each", () => {
  const { initial, steps } = crowdedRun({ seed: 1, clients: 64, length: 19_200 });
  const judgement = linearize(initial, steps);
  expect(judgement.verdict).toBe("linearizable");
  expect(judgement.configurations).toBeLessThan(3 * steps.length);
});

/** Linearizability by its definition: every order of the steps is tried until one is right. */
function isPossibleByTrying(value: number, steps: Step[], done: ReadonlySet<number> = new Set()): boolean {
  if (done.size === steps.length) return true;
  return steps.some((step, index) => {
    if (done.has(index) || value < step.min || value > step.max) return false;
    if (step.after !== undefined && !done.has(step.after)) return false;
    if (steps.some((other, at) => !done.has(at) && other.end < step.start)) return false;
    return isPossibleByTrying(value + step.delta, steps, new Set([...done, index]));
  });
}
