import type { FastifyRequest, onRequestHookHandler, RouteOptions } from "fastify";
import { isUnavailable } from "#src/platform/database/errors.ts";
import { mayTry, type Permission, PERMISSIONS } from "#src/permissions.ts";
import { forbidden, unauthenticated } from "./errors.ts";
import type { Problem } from "./problem.ts";
import type { App, ServerOptions, User } from "./app.ts";

const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;
const INVALID_TOKEN = 'Bearer realm="shopfloor", error="invalid_token"';

/**
 * Makes every route say what its user must be allowed to do, and keeps the others out: 401 with a challenge (RFC 6750) without a valid token,
 * 403 with the wrong role. Where anyone is let in, a valid token still tells who it is and a bad one is ignored.
 * @throws Error at the registration of a route without `config.permission`
 */
export function installAccess(app: App, options: ServerOptions): void {
  app.addHook("onRoute", (route) => {
    // The documentation's own pages come from a plugin that knows nothing of permissions.
    if (route.config === undefined && route.url.startsWith("/docs")) route.config = { permission: "service.read" };
    const permission = route.config?.permission;
    if (permission === undefined) throw new Error(`${String(route.method)} ${route.url}: config.permission is missing`);
    const record = options.metrics.recorderOf(String(route.method), route.url);
    prepend(route, [enter({ url: route.url, record }), guard(permission, options)]);
  });
}

function prepend(route: RouteOptions, hooks: onRequestHookHandler[]): void {
  const own = route.onRequest === undefined ? [] : [route.onRequest].flat();
  route.onRequest = [...hooks, ...own];
}

function enter(known: FastifyRequest["exchange"]["route"]): onRequestHookHandler {
  return (request, _reply, done) => {
    request.exchange.route = known;
    done();
  };
}

function guard(permission: Permission, options: ServerOptions): onRequestHookHandler {
  const forAnyone = PERMISSIONS[permission].roles === "anyone";
  const identify = async (request: FastifyRequest, token: string | undefined): Promise<Problem | undefined> => {
    try {
      request.user = token === undefined ? undefined : await options.authenticate(token);
    } catch (error) {
      // Not known who it is: where anyone may in, that is no reason to refuse; elsewhere nobody gets in.
      if (forAnyone && isUnavailable(error)) return undefined;
      throw error;
    }
    return refusal(permission, request.user);
  };
  return (request, _reply, done) => {
    const { authorization } = request.headers;
    if (authorization === undefined) {
      done(forAnyone ? undefined : unauthenticated());
      return;
    }
    // An async hook would cost every anonymous read a turn of the queue.
    identify(request, bearerOf(request)).then(done, done);
  };
}

/** The access token that a request was sent with, unread; undefined when there is none. */
export function bearerOf({ headers }: FastifyRequest): string | undefined {
  return BEARER.exec(headers.authorization ?? "")?.[1];
}

function refusal(permission: Permission, user: User | undefined): Problem | undefined {
  if (PERMISSIONS[permission].roles === "anyone") return undefined;
  if (user === undefined) return unauthenticated({ headers: { "www-authenticate": INVALID_TOKEN } });
  return mayTry(permission, user.role) ? undefined : forbidden();
}
