import { expect, test } from "vitest";
import { until } from "#test/until.ts";
import type { Counters } from "./counters.ts";
import { createLimits, type Limiter, type Limits } from "./rate-limit.ts";

export const limitsOf = (counters: Counters): Limits => createLimits(counters, "a secret of these tests");

/** One after the other; whether each was let through. */
export async function takes(limiter: Limiter, key: string, times: number): Promise<boolean[]> {
  const taken: boolean[] = [];
  for (let nth = 0; nth < times; nth += 1) taken.push(await limiter.tryTake(key));
  return taken;
}

const allowedOf = (taken: boolean[]) => taken.filter(Boolean).length;

/**
 * What every place to count must do.
 * @param open gives what a process would have: called twice, it gives two processes that share one store
 */
export function countersContract(open: () => Counters | Promise<Counters>): void {
  const twoProcesses = async (limit: { name: string; points: number; windowSeconds: number }) => {
    const [one, other] = [limitsOf(await open()), limitsOf(await open())];
    return [one.create(limit), other.create(limit)] as const;
  };

  test("two processes share what they count, and keys and limits are apart", async () => {
    const [one, other] = await twoProcesses({ name: "shared", points: 3, windowSeconds: 60 });
    expect([...(await takes(one, "ann", 2)), ...(await takes(other, "ann", 2))]).toEqual([true, true, true, false]);
    expect(await takes(other, "bob", 1)).toEqual([true]);
    const [another] = await twoProcesses({ name: "another", points: 3, windowSeconds: 60 });
    expect(await takes(another, "ann", 1)).toEqual([true]);
  });

  test("a hundred at once, from two processes: exactly as many pass as may", async () => {
    const [one, other] = await twoProcesses({ name: "at-once", points: 5, windowSeconds: 60 });
    const asked = Array.from({ length: 100 }, async (_, index) => await (index % 2 ? one : other).tryTake("ann"));
    expect(allowedOf(await Promise.all(asked))).toBe(5);
  });

  test("what is given back can be taken again, by the other process too", async () => {
    const [one, other] = await twoProcesses({ name: "given-back", points: 2, windowSeconds: 60 });
    for (let round = 0; round < 5; round += 1) {
      expect(await one.tryTake("ann")).toBe(true);
      await other.giveBack("ann");
    }
    expect(await takes(one, "ann", 3)).toEqual([true, true, false]);
  });

  test("what is cleared is counted from the beginning, by the other process too, and nobody else's count is touched", async () => {
    const [one, other] = await twoProcesses({ name: "cleared", points: 2, windowSeconds: 60 });
    for (const key of ["ann", "bob"]) expect(await takes(one, key, 3)).toEqual([true, true, false]);
    await other.clear("ann");
    await other.clear("nobody");
    expect(await takes(one, "ann", 3)).toEqual([true, true, false]);
    expect(await takes(other, "bob", 1)).toEqual([false]);
  });

  test("a window ends, and what is given back after its end is no present to the next", async () => {
    const [one, other] = await twoProcesses({ name: "ends", points: 2, windowSeconds: 1 });
    expect(await takes(one, "ann", 3)).toEqual([true, true, false]);
    await until(async () => await other.tryTake("ann"));
    const [calm] = await twoProcesses({ name: "late", points: 2, windowSeconds: 60 });
    for (let nth = 0; nth < 3; nth += 1) await calm.giveBack("ann");
    expect(await takes(calm, "ann", 3)).toEqual([true, true, false]);
  });

  test("the first refusal of a window is told apart from those that follow", async () => {
    const [one] = await twoProcesses({ name: "refusals", points: 2, windowSeconds: 60 });
    const headers: Record<string, unknown> = {};
    const reply = { header: (name: string, value: unknown) => (headers[name] = value) };
    let told = 0;
    const take = async () => {
      try {
        await one.take(reply as never, "ann", async () => void (told += 1));
        return "passed";
      } catch {
        return `refused, ${told} told`;
      }
    };
    const seen = [await take(), await take(), await take(), await take()];
    expect(seen).toEqual(["passed", "passed", "refused, 1 told", "refused, 1 told"]);
    expect(headers).toMatchObject({ "ratelimit-policy": '"refusals";q=2;w=60' });
    expect(headers["ratelimit"]).toMatch(/^"refusals";r=0;t=(60|59)$/);
  });
}
