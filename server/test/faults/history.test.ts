import { appendFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { openRecorder, readHistory, verdictOf } from "./history.ts";

const READING = { client: "c1", kind: "read_product", input: { product_id: 7 } } as const;

test("what is recorded is read again, in the order in which the calls began", async () => {
  await using file = await emptyFile();
  const recorder = openRecorder(file.path, "load-1");
  let finishFirst = (): void => undefined;
  const first = recorder.call(READING, async () => {
    await new Promise<void>((resolve) => (finishFirst = resolve));
    return verdictOf<"read_product">(200, { available: 3, price_cents: 100 });
  });
  const second = await recorder.call({ ...READING, client: "c2" }, async (id) => verdictOf(404, { id }));
  finishFirst();
  const calls = [await first, second];
  recorder.close();
  expect(readHistory(file.path)).toEqual(calls);
  expect(calls.map((call) => [call.id, call.outcome])).toEqual([
    ["load-1-1", "ok"],
    ["load-1-2", "no"],
  ]);
  expect(second.output).toEqual({ id: "load-1-2" });
  expect(calls.every((call) => call.start_ms <= call.end_ms)).toBe(true);
});

test("a call that never ended, one that threw and one that was answered with 5xx are unknown", async () => {
  await using file = await emptyFile();
  const recorder = openRecorder(file.path, "load");
  void recorder.call(READING, () => new Promise(() => undefined));
  await recorder.call(READING, () => Promise.reject(new Error("socket hang up")));
  await recorder.call(READING, async () => verdictOf(503, {}));
  const calls = readHistory(file.path);
  expect(calls.map((call) => call.outcome)).toEqual(["unknown", "unknown", "unknown"]);
  expect(calls[0]?.end_ms).toBe(Math.max(...calls.map((call) => call.end_ms)));
  expect(calls[1]?.output).toEqual({ error: "Error: socket hang up" });
});

test("a last line that was cut by a kill is left out, a broken one before it is an error", async () => {
  await using file = await emptyFile();
  const recorder = openRecorder(file.path, "load");
  await recorder.call(READING, async () => verdictOf(200, { available: 1, price_cents: 1 }));
  appendFileSync(file.path, '{"id":"load-2","ki');
  expect(readHistory(file.path).map((call) => call.id)).toEqual(["load-1"]);
  appendFileSync(file.path, "\n");
  expect(() => readHistory(file.path)).toThrow(SyntaxError);
});

test("two processes that share a name are found out", async () => {
  await using file = await emptyFile();
  for (const recorder of [openRecorder(file.path, "load"), openRecorder(file.path, "load")]) {
    await recorder.call(READING, async () => verdictOf(404, {}));
  }
  expect(() => readHistory(file.path)).toThrow("the call load-1 is there twice");
});

async function emptyFile(): Promise<{ path: string } & AsyncDisposable> {
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-history-"));
  return { path: path.join(folder, "calls.jsonl"), [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}
