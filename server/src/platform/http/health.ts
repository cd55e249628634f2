import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import Type, { type Static } from "typebox";
import { isDraining } from "./draining.ts";
import { unknownPath, unavailable } from "./errors.ts";
import { Choice, Strict } from "./schemas.ts";
import type { App, ServerOptions } from "./app.ts";

const CHECK_LIMIT_MS = 2_000;
/** Without these there is nothing to serve; without another one the service is only degraded. */
const ESSENTIAL = ["database"];
const FORWARDING_HEADERS = ["x-forwarded-for", "forwarded", "x-real-ip", "via"];
const LOOPBACK = /^(?:::ffff:)?127\.|^::1$/;

const Outcome = Choice(["ok", "failed"]);
const Health = Strict({ status: Choice(["ok"]) });
const Readiness = Strict({ status: Choice(["ready", "degraded"]), checks: Type.Record(Type.String(), Outcome) });

/** Alive, ready, metrics. Whether it is alive depends on nothing: a restart would not bring a database back. */
export function healthRoutes(app: App, options: ServerOptions): void {
  const check = readinessOf(options);
  const readiness = async (request: FastifyRequest): Promise<Static<typeof Readiness>> => {
    if (isDraining(request.server)) throw unavailable({ detail: "the process is about to end" });
    const checks = await check();
    const missing = ESSENTIAL.filter((name) => checks[name] === "failed");
    if (missing.length > 0) throw unavailable({ detail: `not ready: ${missing.join(", ")}` });
    return { status: Object.values(checks).includes("failed") ? "degraded" : "ready", checks };
  };
  const config = { permission: "service.read", perMinute: "unlimited" } as const;
  for (const url of ["/api/v1/health", "/healthz"]) {
    const schema = { tags: ["health"], summary: "Whether the process can answer", response: { 200: Health } };
    app.get(url, { config, schema }, async () => ({ status: "ok" as const }));
  }
  for (const url of ["/api/v1/health/ready", "/readyz"]) {
    const schema = { tags: ["health"], summary: "Whether requests should be sent here", response: { 200: Readiness } };
    app.get(url, { config, schema }, readiness);
  }
  const schema = {
    tags: ["health"],
    summary: "Numbers for Prometheus; from loopback or with METRICS_TOKEN",
    response: { 200: { description: "OK", content: { "text/plain": { schema: Type.String() } } } },
  };
  app.get("/metrics", { config: { ...config, problems: [unknownPath] }, schema }, async (request, reply) => {
    if (!mayScrape(request, options.config.metricsToken)) throw unknownPath();
    return reply.type(options.metrics.registry.contentType).send(await options.metrics.registry.metrics());
  });
}

type Checked = Record<string, "ok" | "failed">;

// One round at a time, shared: probes that pile up on a slow database must not add to its load.
function readinessOf(options: ServerOptions): () => Promise<Checked> {
  let running: Promise<Checked> | undefined;
  const round = async (): Promise<Checked> => {
    const entries = Object.entries(options.checks).map(
      async ([name, check]) => [name, await outcomeOf(check)] as const,
    );
    return Object.fromEntries(await Promise.all(entries));
  };
  return () => (running ??= round().finally(() => (running = undefined)));
}

async function outcomeOf(check: () => Promise<void>): Promise<"ok" | "failed"> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"failed">((resolve) => {
    timer = setTimeout(() => resolve("failed"), CHECK_LIMIT_MS);
  });
  const checked = check().then(
    () => "ok" as const,
    () => "failed" as const,
  );
  const outcome = await Promise.race([checked, late]);
  clearTimeout(timer);
  return outcome;
}

// Behind a proxy on the same machine every peer is loopback: what it forwards comes from outside.
function mayScrape(request: FastifyRequest, token: string | undefined): boolean {
  const { headers, socket } = request.raw;
  if (token !== undefined && headers.authorization !== undefined) {
    return timingSafeEqual(digest(headers.authorization), digest(`Bearer ${token}`));
  }
  return LOOPBACK.test(socket.remoteAddress ?? "") && FORWARDING_HEADERS.every((name) => headers[name] === undefined);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
