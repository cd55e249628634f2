import { STATUS_CODES } from "node:http";
import type { FastifySchema, RouteOptions } from "fastify";
import { describeRule, mayTry, type Permission, PERMISSIONS, ROLES, type Rule } from "#src/permissions.ts";
import { keyInUse, keyReused } from "#src/platform/database/idempotency.ts";
import {
  badRequest,
  failed,
  forbidden,
  headersTooLarge,
  invalid,
  stale,
  timedOut,
  tooLarge,
  tooMany,
  unauthenticated,
  unavailable,
  unknownPath,
  uriTooLong,
  wrongType,
} from "./errors.ts";
import { IF_MATCH_PATTERN } from "./etag.ts";
import { KEY_PATTERN } from "./idempotency-key.ts";
import type { ProblemKind } from "./problem.ts";

declare module "fastify" {
  interface FastifySchema {
    /** goes into openapi.json as it is */
    "x-permission"?: Permission;
  }
}

export const PROBLEM_SCHEMA = "Problem";

const WRITING = new Set(["PUT", "PATCH", "DELETE"]);
const MAX_KEY_LENGTH = 255;

type Responses = Record<string, { description?: string; type?: string }>;
type ObjectSchema = { required?: string[]; properties?: Record<string, { default?: unknown }> };
type HeaderField = {
  type: "string";
  description: string;
  pattern?: string;
  examples?: string[];
  minLength?: number;
  maxLength?: number;
};

/**
 * Completes what a route says of itself for the documentation: a name, a group, who may use it, the headers and the
 * problems that follow from its method, its access and its input. Routes need not repeat any of it.
 */
export function describeOperation(schema: FastifySchema | undefined, route: RouteOptions): FastifySchema {
  if (schema?.hide === true) return schema;
  const { headers, security, querystring, description, tags, ...rest } = schema ?? {};
  const permission = permissionOf(route);
  return {
    ...rest,
    description: withRule(description, permission),
    "x-permission": permission,
    operationId: rest.operationId ?? operationId(route),
    tags: tags ?? [groupOf(route.url)],
    ...(ruleOf(route).roles === "anyone"
      ? { security: security ?? [] }
      : { security: [{ bearer: [] }, { password: [] }] }),
    ...(route.config?.form === true && { consumes: ["application/x-www-form-urlencoded", "application/json"] }),
    ...(route.config?.csv === true && { consumes: ["text/csv"] }),
    ...(querystring !== undefined && { querystring: withOptionalDefaults(querystring as ObjectSchema) }),
    headers: headers ?? { type: "object", properties: requestHeaders(route) },
    response: responsesOf(route),
  };
}

function withRule(description: string | undefined, permission: Permission): string {
  const rule = `${describeRule(permission)} Permission: \`${permission}\`.`;
  return description === undefined ? rule : `${description}\n\n${rule}`;
}

function responsesOf(route: RouteOptions): Responses {
  return {
    ...described(route.schema?.response as Responses | undefined),
    ...(isVersioned(route) && { 304: { description: phrase("304"), type: "null" } }),
    ...problemsOf(route),
  };
}

/** `GET /api/v1/items/:id` becomes `getItemsById`; later versions keep theirs: `getV2OrdersById`. */
function operationId(route: RouteOptions): string {
  const path = route.url.replace(/^\/api\/v1\//, "/").replace(/^\/api\//, "/");
  const words = path.split(/[^A-Za-z0-9:]+/).filter(Boolean);
  const names = words.map((word) =>
    capitalised(word.replace(/^:(.*)$/, (_all, name: string) => `By${capitalised(name)}`)),
  );
  return `${String(route.method).toLowerCase()}${names.join("")}`;
}

function capitalised(word: string): string {
  return word.charAt(0).toUpperCase() + word.slice(1);
}

function groupOf(url: string): string {
  return /^\/api\/\w+\/([a-z-]+)/.exec(url)?.[1] ?? "service";
}

function described(responses: Responses | undefined): Responses {
  const entries = Object.entries(responses ?? { 204: { type: "null" } });
  return Object.fromEntries(
    entries.map(([status, response]) => [status, { ...response, description: response.description ?? phrase(status) }]),
  );
}

function phrase(status: string): string {
  return STATUS_CODES[status] ?? "Answer";
}

function requestHeaders(route: RouteOptions): Record<string, HeaderField> {
  const { config } = route;
  const key: HeaderField = {
    type: "string",
    minLength: 1,
    maxLength: MAX_KEY_LENGTH,
    pattern: KEY_PATTERN,
    description: "makes a repetition of this request safe for 24 hours",
  };
  const ifMatch: HeaderField = {
    type: "string",
    pattern: IF_MATCH_PATTERN,
    examples: ["*", '"3-2jmj7l5rSw0yVb_v"'],
    description: "the ETag that was read; 412 when it has changed since",
  };
  const ifNoneMatch: HeaderField = {
    type: "string",
    description: "the ETag that is known; 304 when it is still the same",
  };
  return {
    ...(config?.idempotent === true && { "Idempotency-Key": key }),
    ...(isConditional(route) && { "If-Match": ifMatch }),
    ...(isVersioned(route) && { "If-None-Match": ifNoneMatch }),
    "X-Correlation-ID": {
      type: "string",
      description: "1 to 64 of A-Z a-z 0-9 . _ -; comes back, and goes into every log",
    },
  };
}

function hasParams(url: string): boolean {
  return url.includes(":");
}

/** Each problem that follows from the route itself, and when it does. */
const USUAL: [ProblemKind, (route: RouteOptions) => boolean][] = [
  [badRequest, () => true],
  [unauthenticated, (route) => ruleOf(route).roles !== "anyone"],
  [forbidden, (route) => !ROLES.every((role) => mayTry(permissionOf(route), role))],
  [unknownPath, ({ url }) => hasParams(url)],
  [timedOut, () => true],
  [keyInUse, ({ config }) => config?.idempotent === true],
  [stale, isConditional],
  [tooLarge, takesBody],
  [uriTooLong, () => true],
  [wrongType, takesBody],
  [invalid, (route) => takesBody(route) || route.schema?.querystring !== undefined],
  [keyReused, ({ config }) => config?.idempotent === true],
  [tooMany, () => true],
  [headersTooLarge, () => true],
  [failed, () => true],
  [unavailable, () => true],
];

function permissionOf({ config }: RouteOptions): Permission {
  return config?.permission ?? "service.read";
}

function ruleOf(route: RouteOptions): Rule {
  return PERMISSIONS[permissionOf(route)];
}

function takesBody({ schema }: RouteOptions): boolean {
  return schema?.body !== undefined;
}

/** A single resource that is sent with its ETag, and so can be asked for on condition. */
function isVersioned({ method, schema }: RouteOptions): boolean {
  const answer = (schema?.response as Record<string, ObjectSchema> | undefined)?.["200"];
  return method === "GET" && answer?.properties?.["version"] !== undefined;
}

// For the server what has a default is always there; who asks may leave it out.
function withOptionalDefaults(query: ObjectSchema): ObjectSchema {
  const required = query.required?.filter((name) => query.properties?.[name]?.default === undefined);
  return { ...query, ...(required !== undefined && { required }) };
}

function isConditional({ method, url, config }: RouteOptions): boolean {
  return WRITING.has(String(method)) && hasParams(url) && config?.unversioned !== true;
}

function problemsOf(route: RouteOptions): Responses {
  const usual = USUAL.filter(([, applies]) => applies(route)).map(([kind]) => kind);
  const codes = new Map<number, string[]>();
  for (const { status, code } of [...usual, ...(route.config?.problems ?? [])]) {
    codes.set(status, [...(codes.get(status) ?? []), code]);
  }
  return Object.fromEntries([...codes].map(([status, list]) => [String(status), problemResponse(status, list)]));
}

function problemResponse(status: number, codes: string[]) {
  return {
    description: `${phrase(String(status))}: ${codes.map((code) => `\`${code}\``).join(", ")}`,
    content: { "application/problem+json": { schema: { $ref: `${PROBLEM_SCHEMA}#` } } },
  };
}
