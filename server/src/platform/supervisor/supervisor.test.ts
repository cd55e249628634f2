import { expect, test } from "vitest";
import { backoffMs } from "./child.ts";
import { shorten } from "./output.ts";

test("a child is started again at once, then later and later, and never later than 5 s", () => {
  expect([1, 2, 3, 4, 5, 6, 7, 50].map(backoffMs)).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 5_000, 5_000]);
});

test.each([
  ['{"level":"info","msg":"listening"}', undefined],
  ['{"level":"warn","msg":"slow","err":{"message":"a lock"}}', "slow (a lock)"],
  ['{"level":50,"msg":"gone"}', "gone"],
  ['{"level":"error","msg":"gone","err":{"message":"gone"}}', "gone"],
  ['{"level":"error" broken', '{"level":"error" broken'],
  ["    at start (main.ts:1)", "at start (main.ts:1)"],
  ["", undefined],
])("on a terminal %s is shown as %s", (line, shown) => {
  expect(shorten(line)).toBe(shown);
});
