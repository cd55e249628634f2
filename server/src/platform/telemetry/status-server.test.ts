import { Registry } from "prom-client";
import { expect, test } from "vitest";
import { createMetrics } from "./metrics.ts";
import { startStatusServer } from "./status-server.ts";

test("a process without an API tells on loopback whether it lives, whether it can work, and its numbers", async () => {
  let works = true;
  let isWhole = true;
  const check = async () => {
    if (!works) throw new Error("no database");
    return isWhole ? "ready" : "degraded";
  };
  const { registry, recorderOf } = createMetrics();
  recorderOf("GET", "/x")(200, 0.003);
  const server = await startStatusServer({ port: 0, registry, check });
  const ask = async (path: string) => {
    const answer = await fetch(server.url + path);
    return { status: answer.status, text: await answer.text() };
  };
  try {
    expect(await ask("/healthz")).toEqual({ status: 200, text: '{"status":"ok"}' });
    expect(await ask("/readyz?x=1")).toEqual({ status: 200, text: '{"status":"ready"}' });
    isWhole = false;
    expect(await ask("/readyz")).toEqual({ status: 200, text: '{"status":"degraded"}' });
    works = false;
    expect(await ask("/readyz")).toEqual({ status: 503, text: '{"status":"unavailable"}' });
    expect((await ask("/nope")).status).toBe(404);
    const { text } = await ask("/metrics");
    expect(text).toContain('http_request_duration_seconds_bucket{method="GET",route="/x",status="200",le="0.0025"} 0');
    expect(text).toContain('http_request_duration_seconds_bucket{method="GET",route="/x",status="200",le="0.005"} 1');
    expect(text).toContain("process_resident_memory_bytes");
  } finally {
    await server.close();
  }
});

test("a gauge that fails ends the scrape and not the process; a taken port is an error", async () => {
  const registry = new Registry();
  const server = await startStatusServer({ port: 0, registry, check: async () => "ready" });
  registry.registerMetric({ get: async () => Promise.reject(new Error("no database")) } as never);
  try {
    expect((await fetch(`${server.url}/metrics`)).status).toBe(500);
    const port = Number(new URL(server.url).port);
    await expect(startStatusServer({ port, registry, check: async () => "ready" })).rejects.toThrow("EADDRINUSE");
  } finally {
    await server.close();
  }
});
