import { afterEach, expect, test } from "vitest";
import { armFaults, failpoint } from "./failpoint.ts";

afterEach(() => armFaults([]));

test("where nothing is armed, a failpoint is no promise and no wait", () => {
  expect(failpoint("worker.after_claim")).toBeUndefined();
});

test("an armed failpoint throws at the hit that was asked for and at no other", async () => {
  armFaults(["worker.after_claim=throw@2"]);
  expect(await failpoint("worker.after_claim")).toBeUndefined();
  await expect(failpoint("worker.after_claim")).rejects.toThrow("worker.after_claim was told to throw");
  expect(await failpoint("worker.after_claim")).toBeUndefined();
});

test("with a plus it throws from that hit on, without a number at every one", async () => {
  armFaults(["worker.in_handler=throw@2+", "worker.after_claim=throw"]);
  expect(await failpoint("worker.in_handler")).toBeUndefined();
  for (let hit = 2; hit <= 4; hit += 1) await expect(failpoint("worker.in_handler")).rejects.toThrow("in_handler");
  for (let hit = 1; hit <= 3; hit += 1) await expect(failpoint("worker.after_claim")).rejects.toThrow("after_claim");
});

test("arming takes back what was armed before, and counts from zero", async () => {
  armFaults(["worker.after_claim=throw@2"]);
  await failpoint("worker.after_claim");
  armFaults(["worker.after_claim=throw@2"]);
  expect(await failpoint("worker.after_claim")).toBeUndefined();
  armFaults(["worker.in_handler=throw"]);
  expect(await failpoint("worker.after_claim")).toBeUndefined();
});

test("a delay lets the work go on, and a duplicate asks for it twice", async () => {
  armFaults(["worker.in_handler=delay:5", "worker.after_claim=duplicate@1"]);
  expect(await failpoint("worker.in_handler")).toBeUndefined();
  expect(await failpoint("worker.after_claim")).toBe("duplicate");
  expect(await failpoint("worker.after_claim")).toBeUndefined();
});
