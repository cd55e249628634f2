import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

const HEADERS_TIMEOUT_MS = 4_000;
const REQUEST_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 50;

type Check = () => Promise<"ready" | "degraded">;

export type StatusServer = { url: string; close(): Promise<void> };

/**
 * Health and metrics of a process without an API, on loopback only: `/healthz`, `/readyz`, `/metrics`.
 * @param options.check rejects while the process can't work; what it rejects with stays inside. "degraded": it does what
 *   it can, and something that it needs is away
 */
export async function startStatusServer(options: {
  port: number;
  registry: Registry;
  check: Check;
}): Promise<StatusServer> {
  const timeouts = { headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS };
  const server = createServer(timeouts, (request, response) => {
    void answer(options, request.url ?? "", response);
  });
  server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, "127.0.0.1", () => resolve());
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  options: { registry: Registry; check: Check },
  url: string,
  response: ServerResponse,
): Promise<void> {
  try {
    const path = url.split("?", 1)[0];
    if (path === "/healthz") send(response, 200, { status: "ok" });
    else if (path === "/readyz")
      await options.check().then(
        (status) => send(response, 200, { status }),
        () => send(response, 503, { status: "unavailable" }),
      );
    else if (path === "/metrics") {
      const text = await options.registry.metrics();
      response.writeHead(200, { "content-type": options.registry.contentType }).end(text);
    } else send(response, 404, { status: "not found" });
  } catch {
    if (!response.headersSent) send(response, 500, { status: "failed" });
    else response.destroy();
  }
}

function send(response: ServerResponse, status: number, body: { status: string }): void {
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(body));
}
