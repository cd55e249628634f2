import { readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { startApp } from "./app.ts";

type Operation = { operationId: string; summary?: string; responses: Record<string, unknown>; security?: unknown };
type Document = { openapi: string; paths: Record<string, Record<string, Operation>> };

test("openapi.json is what the routes say of themselves (scripts/node --run openapi writes it)", async () => {
  await using shop = await startApp({ worker: false });
  const document = (await shop.anonymous.get("/openapi.json")).body;
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot("../../openapi.json");
});

test("a documented path knows just the methods that are documented", async () => {
  await using shop = await startApp({ worker: false });
  const { paths } = (await shop.anonymous.get("/openapi.json")).body as unknown as Document;
  for (const [url, operations] of Object.entries(paths)) {
    const refused = await shop.app.inject({ method: "TRACE" as "GET", url: url.replaceAll(/\{\w+\}/g, "1") });
    const methods = Object.keys(operations).map((method) => method.toUpperCase());
    const allowed = methods.includes("GET") ? [...methods, "HEAD"] : methods;
    expect([url, refused.statusCode, refused.headers.allow]).toEqual([url, 405, allowed.toSorted().join(", ")]);
  }
});

test("every route of a module is documented", async () => {
  await using shop = await startApp({ worker: false });
  const { paths } = (await shop.anonymous.get("/openapi.json")).body as unknown as Document;
  const modules = resolve(import.meta.dirname, "../src/modules");
  const files = (await readdir(modules, { recursive: true })).filter((file) => file.endsWith("routes.ts"));
  const sources = await Promise.all(files.map((file) => readFile(join(modules, file), "utf8")));
  const routes = sources.flatMap((source) => [...source.matchAll(/app\.(\w+)\(\s*"(\/[^"]+)"/g)]);
  expect(routes.length).toBeGreaterThan(20);
  for (const [, method = "", url = ""] of routes) {
    expect(paths[url.replaceAll(/:(\w+)/g, "{$1}")]).toHaveProperty(method);
  }
});

test("every operation has a name of its own, a summary, and says how it succeeds and fails", async () => {
  await using shop = await startApp({ worker: false });
  const document = (await shop.anonymous.get("/openapi.json")).body as unknown as Document;
  expect(document.openapi).toBe("3.1.0");
  const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
  expect(operations.length).toBeGreaterThan(20);
  expect(new Set(operations.map((operation) => operation.operationId)).size).toBe(operations.length);
  for (const { operationId, summary, responses, security } of operations) {
    const statuses = Object.keys(responses);
    expect([operationId, summary === undefined, security === undefined]).toEqual([operationId, false, false]);
    expect(statuses.some((status) => status.startsWith("2"))).toBe(true);
    expect(statuses).toContain("500");
  }
});
