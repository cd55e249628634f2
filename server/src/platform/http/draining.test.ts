import { expect, test } from "vitest";
import { startEdge } from "#test/edge.ts";
import { drain } from "./draining.ts";

test("a server that is drained says so, finishes what runs, and listens no more", async () => {
  const gate = Promise.withResolvers<string>();
  await using edge = await startEdge({}, (app) => {
    app.get("/long", { config: { permission: "service.read" } }, async (_request, _reply) => await gate.promise);
  });
  const url = `http://127.0.0.1:${await edge.port()}`;
  const running = fetch(`${url}/long`);
  await expect.poll(() => connections(edge.app.server)).toBe(1);
  const drained = drain(edge.app, { delayMs: 300, limitMs: 5_000 });
  const ready = await fetch(`${url}/readyz`);
  expect([ready.status, ready.headers.get("connection")]).toEqual([503, "close"]);
  expect((await fetch(`${url}/healthz`)).status).toBe(200);
  await expect.poll(() => edge.app.server.listening).toBe(false);
  gate.resolve("done");
  const answer = await running;
  expect([answer.status, await answer.text()]).toEqual([200, "done"]);
  await drained;
  await expect(fetch(`${url}/healthz`)).rejects.toThrow("fetch failed");
});

test("what does not end in time is cut off", async () => {
  await using edge = await startEdge({}, (app) => {
    const never = new Promise<string>(() => undefined);
    app.get("/never", { config: { permission: "service.read" } }, async (_request, _reply) => await never);
  });
  const url = `http://127.0.0.1:${await edge.port()}`;
  const running = fetch(`${url}/never`);
  running.catch(() => undefined);
  await expect.poll(() => connections(edge.app.server)).toBe(1);
  await drain(edge.app, { delayMs: 0, limitMs: 100 });
  await expect(running).rejects.toThrow("fetch failed");
});

async function connections(server: { getConnections(done: (error: Error | null, count: number) => void): void }) {
  return await new Promise<number>((resolve) => {
    server.getConnections((_error, count) => resolve(count));
  });
}
