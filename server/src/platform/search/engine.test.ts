import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "vitest";
import { createLog } from "#src/platform/telemetry/log.ts";
import { until } from "#test/until.ts";
import { type Engine, EngineAway, EngineRefusal, isMissing, openEngine } from "./engine.ts";

const log = createLog({ logLevel: "silent", process: "test" });
const search = { method: "POST", path: "/things/_search", body: { query: { match_all: {} } } } as const;
const json = { "content-type": "application/json" };

test("an answer comes back as it is, asked with JSON and the password of the address", async () => {
  await using server = await serve((request, response) => {
    response.writeHead(200, json).end(JSON.stringify(request.headers));
  });
  await using engine = open(server.url.replace("http://", "http://elastic:s%40fe@"));
  const sent = { "content-type": "application/json", authorization: `Basic ${btoa("elastic:s@fe")}` };
  expect(await engine.ask(search)).toMatchObject(sent);
});

test("a bulk request is lines of JSON, each ended", async () => {
  await using server = await serve((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part: Buffer) => parts.push(part));
    request.on("end", () => response.end(JSON.stringify({ body: Buffer.concat(parts).toString() })));
  });
  await using engine = open(server.url);
  const lines = [{ action: { index: { _id: "1" } }, document: { title: "Two\nlines" } }, { action: { delete: {} } }];
  const body = '{"index":{"_id":"1"}}\n{"title":"Two\\nlines"}\n{"delete":{}}\n';
  expect(await engine.bulk(lines)).toEqual({ body });
});

test("what the engine refuses says why, and does not make it away", async () => {
  await using server = await serve((_, response) => {
    const error = { type: "index_not_found_exception", reason: "no such index" };
    response.writeHead(404, json).end(JSON.stringify({ error, status: 404 }));
  });
  await using engine = open(server.url);
  for (let asked = 0; asked < 5; asked += 1) {
    const refusal: unknown = await engine.ask(search).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(EngineRefusal);
    expect(isMissing(refusal)).toBe(true);
    expect(String(refusal)).toContain("no such index");
  }
});

test.each([
  ["is overloaded", 429],
  ["has no shards yet", 503],
  ["answers with something else than JSON", 200],
])("an engine that %s is away", async (_, status) => {
  await using server = await serve((__, response) => response.writeHead(status).end("<html>"));
  await using engine = open(server.url);
  await expect(engine.ask(search)).rejects.toThrow(EngineAway);
  await expect(engine.check()).rejects.toThrow(EngineAway);
});

test("an engine that hangs costs three requests their time-out, further ones nothing, and is used again by itself", async () => {
  let hangs = true;
  let asked = 0;
  await using server = await serve((request, response) => {
    if (request.url?.includes("_search") === true) asked += 1;
    if (!hangs) response.writeHead(200, json).end('{"hits":{}}');
  });
  await using engine = open(server.url);
  for (let tried = 0; tried < 3; tried += 1) await expect(engine.ask(search)).rejects.toThrow(EngineAway);
  expect(asked).toBe(3);
  const startedAt = performance.now();
  for (let tried = 0; tried < 100; tried += 1) await expect(engine.ask(search)).rejects.toThrow(EngineAway);
  process.stdout.write(
    `100 requests to an engine known to be away: ${(performance.now() - startedAt).toFixed(1)} ms\n`,
  );
  expect(asked).toBe(3);
  hangs = false;
  await until(() =>
    engine.ask(search).then(
      () => true,
      () => false,
    ),
  );
});

test("a connection that the server hung up meanwhile is not taken for a failure", async () => {
  let served = 0;
  await using server = await serve((request, response) => {
    served += 1;
    if (served === 1) request.socket.destroy();
    else response.writeHead(200, json).end("{}");
  });
  await using engine = open(server.url);
  expect(await engine.ask(search)).toEqual({});
  expect(served).toBe(2);
});

function open(url: string): Engine & AsyncDisposable {
  const engine = openEngine({ url, log });
  return { ...engine, [Symbol.asyncDispose]: async () => engine.close() };
}

async function serve(listener: RequestListener): Promise<{ url: string } & AsyncDisposable> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
