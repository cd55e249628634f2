import { expect, test } from "vitest";
import { shareUnsent } from "./share-unsent.ts";

test("equal questions that come together are asked once, different ones each for itself", async () => {
  const asked: string[] = [];
  const share = shareUnsent<string>();
  const ask = (key: string) =>
    share(key, async () => {
      asked.push(key);
      return await Promise.resolve(`answer to ${key}`);
    });
  expect(await Promise.all(["a", "b", "a", "a"].map(ask))).toEqual([
    "answer to a",
    "answer to b",
    "answer to a",
    "answer to a",
  ]);
  expect(asked).toEqual(["a", "b"]);
});

test("who comes while a question is under way shares the next one, sent when that has its answer", async () => {
  const share = shareUnsent<number>();
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const begun = Promise.withResolvers<void>();
  let asked = 0;
  const ask = () =>
    share("page", async () => {
      asked += 1;
      const mine = asked;
      begun.resolve();
      await gates[mine - 1]?.promise;
      return mine;
    });
  const first = ask();
  await begun.promise;
  const later = [ask(), ask()];
  expect(asked).toBe(1);
  gates[0]?.resolve();
  expect(await first).toBe(1);
  gates[1]?.resolve();
  expect(await Promise.all(later)).toEqual([2, 2]);
});

test("a failure is told to those who share it and to nobody after them", async () => {
  const share = shareUnsent<number>();
  const failing = [1, 2].map(() => share("page", async () => await Promise.reject(new Error("no"))));
  expect((await Promise.allSettled(failing)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await share("page", async () => await Promise.resolve(3))).toBe(3);
});
