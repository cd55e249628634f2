import type { AddressInfo } from "node:net";
import Type from "typebox";
import type { App, ServerOptions, User } from "#src/platform/http/app.ts";
import { createHttpServer } from "#src/platform/http/server.ts";
import { Choice, Id, IdParams, Money, Strict, Text } from "#src/platform/http/schemas.ts";
import { countInMemory } from "#src/platform/http/counters.ts";
import { sendVersioned } from "#src/platform/http/etag.ts";
import { createLimits } from "#src/platform/http/rate-limit.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { createMetrics } from "#src/platform/telemetry/metrics.ts";

/** Tokens that the edge of the tests knows: `customer`, `staff`, `admin`; `offline` is one that nobody can look up. */
const USERS: Record<string, User> = {
  customer: { id: 7, role: "customer", session_id: "one" },
  staff: { id: 8, role: "staff", session_id: "two" },
  admin: { id: 9, role: "admin", session_id: "three" },
};

export type LogLine = Record<string, unknown>;
export type Edge = {
  app: App;
  /** every line logged so far, parsed */
  lines: LogLine[];
  /** listens on a free port and gives it */
  port(): Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
};

const Thing = Strict({
  title: Text(1, 100),
  price_cents: Type.Optional(Money),
  quantity: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000 })),
  lines: Type.Optional(Type.Array(Strict({ product_id: Id }), { maxItems: 3 })),
});

/** A server with a few routes of no meaning, for the conventions that hold for all routes. */
export async function startEdge(
  options: Partial<Omit<ServerOptions, "config">> & { config?: Partial<ServerOptions["config"]> } = {},
  routes: (app: App) => void = () => undefined,
): Promise<Edge> {
  const lines: LogLine[] = [];
  const write = (line: string) => void lines.push(JSON.parse(line) as LogLine);
  const app = await createHttpServer({
    log: createLog({ logLevel: "info", process: "test" }, { write }),
    metrics: createMetrics(),
    authenticate,
    checks: { database: async () => undefined },
    limits: createLimits(countInMemory, "the secret of the edge's tests"),
    ...options,
    config: {
      production: false,
      publicUrl: "http://shop.example",
      metricsToken: undefined,
      trustedProxies: [],
      rateLimitScale: 1,
      ...options.config,
    },
  });
  thingRoutes(app);
  routes(app);
  await app.ready();
  return {
    app,
    lines,
    async port() {
      await app.listen({ host: "127.0.0.1", port: 0 });
      return (app.server.address() as AddressInfo).port;
    },
    [Symbol.asyncDispose]: async () => {
      app.server.closeAllConnections();
      await app.close();
    },
  };
}

async function authenticate(token: string): Promise<User | undefined> {
  if (token === "offline") throw Object.assign(new Error("no route to the database"), { code: "ECONNREFUSED" });
  return USERS[token];
}

function thingRoutes(app: App): void {
  const query = Strict({
    skip: Type.Integer({ minimum: 0, maximum: 100_000, default: 0 }),
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
    in_stock: Type.Optional(Type.Boolean()),
    sort: Type.Optional(Choice(["id", "-id"])),
  });
  const anyone = { permission: "service.read" } as const;
  app.get("/api/v1/things", { config: anyone, schema: { querystring: query } }, async (request, reply) =>
    reply.send({ query: request.query, user_id: request.user?.id ?? null }),
  );
  app.post("/api/v1/things", { config: anyone, schema: { body: Thing } }, async (request, reply) =>
    reply.code(201).send(request.body),
  );
  app.get("/api/v1/things/:id", { config: anyone, schema: { params: IdParams } }, async (request, reply) =>
    sendVersioned(request, reply, { id: request.params.id, version: 3 } as { version: number }),
  );
  app.put(
    "/api/v1/things/:id",
    { config: { permission: "account.manage" }, schema: { params: IdParams, body: Thing } },
    async (request, reply) => reply.send({ origin: request.origin, id: request.params.id }),
  );
  app.post(
    "/api/v1/things/:id/press",
    { config: { permission: "account.manage" }, schema: { params: IdParams } },
    async (_r, reply) => reply.code(204).send(),
  );
  app.get("/staff", { config: { permission: "product.manage" } }, async (_request, reply) => reply.send({}));
  app.get("/admin", { config: { permission: "user.manage" } }, async (_request, reply) => reply.send({}));
  const Form = Strict({ username: Type.String(), password: Type.String() });
  app.post(
    "/form",
    { config: { permission: "service.read", form: true }, schema: { body: Form } },
    async (request, reply) => reply.send(request.body),
  );
  app.get("/bug", { config: anyone }, async (_request, _reply) => {
    throw new Error("SELECT secret FROM users", { cause: new TypeError("the deeper reason") });
  });
  app.get("/away", { config: anyone }, async (_request, _reply) => {
    throw Object.assign(new Error("connect ECONNREFUSED 10.0.0.7:5432"), { code: "ECONNREFUSED" });
  });
}
