import { expect, test } from "vitest";
import { type Edge, startEdge } from "#test/edge.ts";

const READY = ["/api/v1/health/ready", "/readyz"];

async function ask(edge: Edge, url: string) {
  const answer = await edge.app.inject({ url });
  return { status: answer.statusCode, body: answer.json<Record<string, unknown>>() };
}

const fails = async () => {
  throw new Error("password authentication failed for user shop");
};
const works = async () => undefined;

test("alive does not depend on the database; ready does, and does not say why", async () => {
  await using edge = await startEdge({ checks: { database: fails, search: works } });
  for (const url of ["/api/v1/health", "/healthz"])
    expect(await ask(edge, url)).toEqual({ status: 200, body: { status: "ok" } });
  for (const url of READY) {
    const { status, body } = await ask(edge, url);
    expect([status, body["code"], body["detail"]]).toEqual([503, "service.unavailable", "not ready: database"]);
    expect(JSON.stringify(body)).not.toContain("password");
  }
});

test("without what is not essential the service is degraded, and still ready", async () => {
  await using edge = await startEdge({ checks: { database: works, search: fails } });
  for (const url of READY) {
    expect(await ask(edge, url)).toEqual({
      status: 200,
      body: { status: "degraded", checks: { database: "ok", search: "failed" } },
    });
  }
});

test("probes that come together share one round of checks", async () => {
  let rounds = 0;
  const gate = Promise.withResolvers<void>();
  const database = async () => {
    rounds += 1;
    await gate.promise;
  };
  await using edge = await startEdge({ checks: { database } });
  const probes = Promise.all(READY.flatMap((url) => [ask(edge, url), ask(edge, url)]));
  await expect.poll(() => rounds).toBe(1);
  gate.resolve();
  expect((await probes).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(rounds).toBe(1);
});

test("metrics are for loopback without a proxy, or for who has the token; for others they are not there", async () => {
  const token = "a-token-for-the-metrics-of-the-test";
  await using edge = await startEdge({ config: { metricsToken: token } });
  const scrape = async (remoteAddress: string, headers: Record<string, string> = {}) =>
    (await edge.app.inject({ url: "/metrics", remoteAddress, headers })).statusCode;
  expect(await scrape("127.0.0.1")).toBe(200);
  expect(await scrape("::ffff:127.0.0.1")).toBe(200);
  expect(await scrape("127.0.0.1", { "x-forwarded-for": "127.0.0.1" })).toBe(404);
  expect(await scrape("203.0.113.9")).toBe(404);
  expect(await scrape("203.0.113.9", { authorization: `Bearer ${token}` })).toBe(200);
  expect(await scrape("203.0.113.9", { authorization: "Bearer wrong" })).toBe(404);
});

test("requests are counted by route template, unknown paths as one", async () => {
  await using edge = await startEdge();
  for (const url of ["/api/v1/things/1", "/api/v1/things/2", "/nope/1", "/nope/2"]) await edge.app.inject({ url });
  const text = (await edge.app.inject({ url: "/metrics" })).body;
  const count = (route: string, status: number) =>
    text.split("\n").filter((line) => line.includes(`route="${route}",status="${status}"`));
  expect(count("/api/v1/things/:id", 200)).toContain(
    'http_requests_total{method="GET",route="/api/v1/things/:id",status="200"} 2',
  );
  expect(count("unmatched", 404)).toContain('http_requests_total{method="GET",route="unmatched",status="404"} 2');
  expect(text).toMatch(/http_request_duration_seconds_bucket\{[^}]*route="unmatched"[^}]*le="\+Inf"\} 2/);
  expect(text).not.toContain("/nope");
  expect(text).toContain("nodejs_eventloop_lag_seconds");
});
