import Fastify from "fastify";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import { installAccess } from "./access.ts";
import type { App, ServerOptions } from "./app.ts";
import { installBodyParsers } from "./body.ts";
import { answerClientError } from "./client-error.ts";
import { correlationIdOf, exchangeStarter, originOf } from "./exchange.ts";
import { HANDLER_LIMIT_MS, installDeadlines } from "./deadlines.ts";
import { installFailures, sendFailure } from "./failures.ts";
import { healthRoutes } from "./health.ts";
import { isAfterLast, makeLast } from "./last-request.ts";
import { installMethodTable } from "./not-found.ts";
import { installOpenApi } from "./openapi.ts";
import { permissionPage } from "./permission-page.ts";
import { problemPages } from "./problem-pages.ts";
import { mistakeInHead } from "./request-checks.ts";
import { installTrafficLimits } from "./traffic-limits.ts";
import { installValidation } from "./validation.ts";

export const BODY_LIMIT_BYTES = 64 * 1_024;
const HEADERS_TIMEOUT_MS = 4_000;
/** For headers and body together: a body that trickles in would otherwise hold its connection for ever. */
const REQUEST_TIMEOUT_MS = 5_000;
const CONNECTIONS_CHECK_MS = 1_000;
/** Above the 60 s of common load balancers, which must be the ones to hang up first. */
const KEEP_ALIVE_MS = 72_000;
const MAX_CONNECTIONS = 10_000;
const MAX_PARAM_LENGTH = 100;
/** Headers are counted by ourselves: past this many Node drops them silently, maybe the one that matters. */
const NODE_MAX_HEADERS = 2_000;

/**
 * The edge, once for all routes: identifiers, time-outs, strict input, who may do what, problems, limits, documentation.
 * Routes are registered on the result; each must say `config: { permission }`, else the start fails.
 */
export async function createHttpServer(options: ServerOptions): Promise<App> {
  const begin = exchangeStarter(options);
  const app = Fastify({
    http: {
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // Checked by ourselves: Node would refuse it without a word.
      requireHostHeader: false,
    },
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    bodyLimit: BODY_LIMIT_BYTES,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    trustProxy: options.config.trustedProxies.length > 0 ? options.config.trustedProxies : false,
    genReqId: correlationIdOf,
    return503OnClosing: false,
    clientErrorHandler: answerClientError(options),
    frameworkErrors: (error, request, reply) => {
      begin(request, reply);
      void sendFailure(options, error, { request, reply });
    },
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.server.maxConnections = MAX_CONNECTIONS;
  app.server.maxHeadersCount = NODE_MAX_HEADERS;
  app.decorateRequest("user", undefined);
  app.decorateRequest("origin", {
    getter() {
      return originOf(this);
    },
  });
  app.addHook("onRequest", (request, reply, done) => {
    // Neither handled nor answered: the connection ends with the answer before it.
    if (isAfterLast(request)) {
      reply.hijack();
      return;
    }
    begin(request, reply);
    const mistake = mistakeInHead(request.raw);
    if (mistake !== undefined) makeLast(request, reply);
    done(mistake);
  });
  installFailures(app, options);
  installBodyParsers(app);
  installValidation(app);
  installMethodTable(app);
  installAccess(app, options);
  installTrafficLimits(app, options);
  await installOpenApi(app);
  problemPages(app);
  permissionPage(app);
  installDeadlines(app, options.handlerLimitMs ?? HANDLER_LIMIT_MS);
  await app.register(async (scope) => healthRoutes(scope, options));
  return app;
}
