import { expect, test } from "vitest";
import { coalesce } from "./coalesce.ts";

const OPTIONS = { maxBatch: 3, maxWaiting: 10, maxRunning: 1 };

test("what arrives together runs together, in batches of the given size, and everybody gets an own result", async () => {
  const batches: number[][] = [];
  const double = coalesce<number, number>(OPTIONS, async (inputs) => {
    batches.push(inputs);
    return inputs.map((input) => ({ value: input * 2 }));
  });
  expect(await Promise.all([1, 2, 3, 4, 5].map(double))).toEqual([2, 4, 6, 8, 10]);
  expect(batches).toEqual([
    [1, 2, 3],
    [4, 5],
  ]);
});

test("a batch that throws is tried one by one, so that a bad input spoils nothing for its neighbours", async () => {
  const run = coalesce<number, number>(OPTIONS, async (inputs) => {
    if (inputs.includes(2)) throw new Error("two is bad");
    return inputs.map((value) => ({ value }));
  });
  const settled = await Promise.allSettled([1, 2, 3].map(run));
  expect(settled.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("a refusal for one input is told to its sender alone", async () => {
  const run = coalesce<number, number>(OPTIONS, async (inputs) =>
    inputs.map((value) => (value === 2 ? { error: new Error("no") } : { value })),
  );
  const settled = await Promise.allSettled([1, 2, 3].map(run));
  expect(settled.map((one) => one.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
});

test("when too many wait, one more is refused at once with 503 and told when to come again", async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const run = coalesce<number, number>({ ...OPTIONS, maxWaiting: 2 }, async (inputs) => {
    await gate;
    return inputs.map((value) => ({ value }));
  });
  const accepted = [run(1), run(2)];
  await expect(run(3)).rejects.toMatchObject({ status: 503, headers: { "retry-after": "1" } });
  open();
  expect(await Promise.all(accepted)).toEqual([1, 2]);
});

test("never more runs than allowed are under way", async () => {
  let running = 0;
  let most = 0;
  const run = coalesce<number, number>({ maxBatch: 1, maxWaiting: 100, maxRunning: 2 }, async (inputs) => {
    running += 1;
    most = Math.max(most, running);
    await Promise.resolve();
    running -= 1;
    return inputs.map((value) => ({ value }));
  });
  await Promise.all(Array.from({ length: 20 }, (_, index) => run(index)));
  expect(most).toBeLessThanOrEqual(2);
});
