import { problem } from "./problem.ts";

export const badRequest = problem("request.malformed", 400, "The request can't be read");
export const badCursor = problem("request.cursor_invalid", 400, "The cursor is not one that this list gave out");
export const invalid = problem("request.invalid", 422, "The request can be read, but something in it is wrong");
export const unknownPath = problem("request.not_found", 404, "There is nothing at this path");
export const wrongMethod = problem("request.method_not_allowed", 405, "This path does not know this method");
export const timedOut = problem("request.timeout", 408, "The request took too long to arrive");
export const stale = problem("request.stale", 412, "The resource has changed since it was read");
export const tooLarge = problem("request.too_large", 413, "The body is larger than this path takes");
export const uriTooLong = problem("request.uri_too_long", 414, "The path or query is too long");
export const wrongType = problem("request.unsupported_type", 415, "The body is of a type that this path does not take");
export const tooMany = problem("request.too_many", 429, "Too many requests");
export const headersTooLarge = problem("request.headers_too_large", 431, "The headers are too many or too large");
export const unauthenticated = problem("auth.required", 401, "This needs a valid access token");
export const forbidden = problem("auth.forbidden", 403, "Your role does not allow this");
export const failed = problem("service.failed", 500, "Something went wrong on our side");
export const unavailable = problem("service.unavailable", 503, "The service can't do this right now");
export const outOfTime = problem("service.timeout", 503, "The answer was not ready in time");
