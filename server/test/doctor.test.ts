import { expect, test } from "vitest";
import { createDataDir, runCommand } from "./shop-process.ts";

/** Each run is a process that starts, on a machine that is busy. */
const RUNS_LIMIT_MS = 120_000;

test(
  "doctor says that browsers drop the refresh cookie where it comes by http from another machine",
  { timeout: RUNS_LIMIT_MS },
  async () => {
    await using folder = await createDataDir();
    const doctor = async (url: string) =>
      (await runCommand(["doctor"], { DATA_DIR: folder.path, PUBLIC_URL: url })).output;
    for (const url of ["https://shop.example", "http://127.0.0.1:8000", "http://localhost:8000", "http://[::1]:8000"]) {
      expect((await doctor(url)).replaceAll(/ +/g, " ")).toContain(`public address ok ${url}`);
    }
    for (const url of ["http://shop.example", "http://192.168.1.7:8000", "http://localhost.example"]) {
      expect(await doctor(url)).toMatch(/public address +BAD .*refresh cookie by https only/);
    }
  },
);

test("doctor says whether the broker that is configured answers", { timeout: RUNS_LIMIT_MS }, async () => {
  await using folder = await createDataDir();
  const doctor = async (env: Record<string, string>) =>
    (await runCommand(["doctor"], { DATA_DIR: folder.path, ...env })).output;
  expect(await doctor({})).toMatch(/messaging +ok +PostgreSQL/);
  const nobody = { MESSAGING: "redis", REDIS_URL: "redis://127.0.0.1:1" };
  expect(await doctor(nobody)).toMatch(/messaging +BAD +redis does not answer: orders are accepted and wait/);
});
