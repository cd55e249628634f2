import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyRequest,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from "fastify";
import type { Config } from "#src/config.ts";
import type { Permission, Role } from "#src/permissions.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import type { RequestRecorder } from "#src/platform/telemetry/http-metrics.ts";
import type { Metrics } from "#src/platform/telemetry/metrics.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { unauthenticated } from "./errors.ts";
import type { ProblemKind } from "./problem.ts";
import type { Limits } from "./rate-limit.ts";

export type User = { id: number; role: Role; session_id: string };

export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** What the edge knows of one request on its way. */
export type Exchange = {
  startedMs: number;
  traceparent: string;
  origin: Origin | undefined;
  /** undefined until the route's own hooks run, and for paths that no route has */
  route: KnownRoute | undefined;
};
export type KnownRoute = { url: string; record: RequestRecorder };

declare module "fastify" {
  interface FastifyContextConfig {
    /** what its user must be allowed to do, by the table in `permissions.ts` */
    permission: Permission;
    /** takes an `Idempotency-Key`; documented with the operation */
    idempotent?: boolean;
    /** takes `application/x-www-form-urlencoded` too */
    form?: boolean;
    /** acts on something that has no version, so that no `If-Match` can be asked for */
    unversioned?: true;
    /** takes `text/csv` and nothing else; the handler gets the text */
    csv?: boolean;
    /** answers for as long as the client listens, so the deadline of an answer does not hold */
    endless?: boolean;
    /** what it can answer with beyond the problems that follow from its permission and input; for the documentation */
    problems?: readonly ProblemKind[];
    /** requests a minute in production, where the general reads and writes don't fit */
    perMinute?: number | "unlimited";
  }
  interface FastifyRequest {
    /** who sent a valid access token; always there where the permission is not for anyone */
    user: User | undefined;
    readonly origin: Origin;
    exchange: Exchange;
  }
}

export type ServerOptions = {
  config: Pick<Config, "production" | "publicUrl" | "metricsToken" | "trustedProxies" | "rateLimitScale">;
  log: Log;
  metrics: Metrics;
  /** Tells whose token it is; undefined for a bad one. A rejection is not a no: the request is answered 503. */
  authenticate(token: string): Promise<User | undefined>;
  /** What readiness depends on; a check that rejects has failed. Without `database` there is nothing to serve. */
  checks: Record<string, () => Promise<void>>;
  /** where requests are counted; in production only, see traffic-limits.ts */
  limits: Limits;
  /** how long a handler may take, in milliseconds; 5 s when absent */
  handlerLimitMs?: number;
};

/**
 * The signed-in user of a request; where the permission is not for anyone there always is one.
 * @throws unauthenticated (401) elsewhere, when there is none
 */
export function requireUser(request: FastifyRequest): User {
  if (request.user === undefined) throw unauthenticated();
  return request.user;
}
