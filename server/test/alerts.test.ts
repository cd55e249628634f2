import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { Registry } from "prom-client";
import { expect, test } from "vitest";
import type { Db } from "#src/platform/database/database.ts";
import { createMessagingMetrics, registerBrokerGauge, registerQueueGauges } from "#src/platform/messaging/metrics.ts";
import { registerScheduleGauges } from "#src/platform/schedules/metrics.ts";

const FOLDER = path.resolve(import.meta.dirname, "../../deploy/prometheus");
const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;
const WAY = hasPromtool ? "" : " (no promtool here: apt-get install prometheus)";

test.skipIf(!hasPromtool)(`the alert rules fire when they should and only then, as promtool sees it${WAY}`, () => {
  const { status, stdout, stderr } = spawnSync("promtool", ["test", "rules", path.join(FOLDER, "alerts.test.yml")], {
    encoding: "utf8",
  });
  expect([status, `${stdout}${stderr}`]).toEqual([0, expect.stringContaining("SUCCESS")]);
});

test("the alert rules ask for nothing that a worker does not tell", async () => {
  const registry = new Registry();
  createMessagingMetrics(registry);
  registerBrokerGauge(registry, async () => undefined);
  registerQueueGauges(registry, {} as Db);
  registerScheduleGauges(registry, {} as Db);
  const told = new Set(registry.getMetricsAsArray().map(({ name }) => name));
  const rules = await readFile(path.join(FOLDER, "alerts.yml"), "utf8");
  const asked = new Set(rules.match(/\b(?:messaging|schedule)_\w+/g));
  expect(asked.size).toBeGreaterThan(3);
  expect([...asked].filter((name) => !told.has(name))).toEqual([]);
});
