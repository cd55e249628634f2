import type { FastifyReply, FastifyRequest } from "fastify";
import { isUnavailable } from "#src/platform/database/errors.ts";
import { badRequest, failed, tooLarge, unavailable, unknownPath, wrongType } from "./errors.ts";
import { keepOpenAfterWholeBody } from "./last-request.ts";
import { Problem, type ProblemFactory } from "./problem.ts";
import type { App, ServerOptions } from "./app.ts";

/** Where each problem is explained. */
export const PROBLEM_PAGES = "/docs/errors";
const RETRY_AFTER_SECONDS = "1";
const PROBLEM_TYPE = "application/problem+json; charset=utf-8";

const FRAMEWORK: Record<string, ProblemFactory> = {
  FST_ERR_BAD_URL: badRequest,
  FST_ERR_MAX_PARAM_LENGTH: unknownPath,
  FST_ERR_NOT_FOUND: unknownPath,
  FST_ERR_CTP_BODY_TOO_LARGE: tooLarge,
  FST_ERR_CTP_INVALID_MEDIA_TYPE: wrongType,
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: badRequest,
};
const DEFAULT_HEADERS: Record<number, Record<string, string>> = {
  401: { "www-authenticate": 'Bearer realm="shopfloor"' },
  429: { "retry-after": RETRY_AFTER_SECONDS },
  503: { "retry-after": RETRY_AFTER_SECONDS },
};

/** Answers everything that is thrown: problems as they are, a database that is away with 503, bugs with a bare 500. */
export function installFailures(app: App, options: ServerOptions): void {
  app.setErrorHandler((error, request, reply) => sendFailure(options, error, { request, reply }));
}

/** Answers one failure, and logs it when it is ours. */
export function sendFailure(
  options: ServerOptions,
  error: unknown,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
): FastifyReply {
  const problem = toProblem(error, request);
  logFailure(options, problem, request);
  keepOpenAfterWholeBody(request, reply);
  return sendProblem(reply, problem, options.config.publicUrl);
}

/** RFC 9457, with our `code` to branch on and the correlation id to ask about. */
export function problemBody(problem: Problem, correlationId: string, publicUrl: string) {
  return {
    type: `${publicUrl}${PROBLEM_PAGES}/${problem.code}`,
    title: problem.title,
    status: problem.status,
    detail: problem.detail,
    code: problem.code,
    correlation_id: correlationId,
    errors: problem.errors,
  };
}

function sendProblem(reply: FastifyReply, problem: Problem, publicUrl: string): FastifyReply {
  return reply
    .code(problem.status)
    .headers({ ...DEFAULT_HEADERS[problem.status], ...problem.headers })
    .header("content-type", PROBLEM_TYPE)
    .serializer(String)
    .send(JSON.stringify(problemBody(problem, reply.request.id, publicUrl)));
}

function toProblem(error: unknown, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error;
  // The upload broke off: nobody reads this answer, and a reset connection here says nothing about the database.
  if (request.raw.destroyed && !request.raw.complete) return badRequest({ cause: error });
  if (isUnavailable(error)) return unavailable({ cause: error });
  const code = error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "";
  return FRAMEWORK[code]?.() ?? failed({ cause: error });
}

function logFailure(options: ServerOptions, problem: Problem, request: FastifyRequest): void {
  if (problem.status < 500) return;
  const where = { correlation_id: request.id, method: request.method, route: request.exchange.route?.url };
  if (problem.code === failed.code) options.log.error({ ...where, err: problem.cause }, "a request failed");
  else options.log.warn({ ...where, err: problem }, "a request could not be served");
}
