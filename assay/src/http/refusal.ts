import type { Exchange } from "./exchange.ts";
import { fault } from "./fault.ts";
import { bodyOf, fieldOf, headerOf, misread, nameOf, rowsOf, textOf } from "./reading.ts";

/** How the features name the refusals, and the status that the contract gives to each. */
export const REFUSALS = {
  "as unreadable": 400,
  "because nobody is signed in": 401,
  "because it is not allowed": 403,
  "as if it did not exist": 404,
  "as if they did not exist": 404,
  "because the method is not offered": 405,
  "because it clashes": 409,
  "because the copy is stale": 412,
  "because it is too big": 413,
  "because its kind is not understood": 415,
  "as invalid": 422,
  "because there were too many": 429,
} as const;

export type Refusal = keyof typeof REFUSALS;

/** The reasons as one pattern, longest first, so that no reason hides behind the beginning of another. */
export const REFUSAL_PATTERN = new RegExp(
  Object.keys(REFUSALS)
    .toSorted((a, b) => b.length - a.length)
    .join("|"),
);

/** Whether a text of a feature is a known reason. */
export function isRefusal(text: string): text is Refusal {
  return Object.hasOwn(REFUSALS, text);
}

/** Fails unless the request was answered by the status of this refusal. */
export function expectRefusal(exchange: Exchange, refusal: Refusal): void {
  const { status } = exchange.answer;
  if (status === REFUSALS[refusal]) return;
  const expected = `should be refused ${refusal} (${REFUSALS[refusal]})`;
  throw fault(exchange, `${nameOf(exchange)} ${expected}, but was answered ${status}`);
}

/** Fails unless the request was answered by exactly this success. */
export function expectSuccess(exchange: Exchange, status: number, meaning: string): void {
  if (exchange.answer.status === status) return;
  const expected = `should be answered "${meaning}" (${status})`;
  throw fault(exchange, `${nameOf(exchange)} ${expected}, but was answered ${exchange.answer.status}`);
}

/** Returns the exchange when it succeeded (2xx), for requests that only prepare what a scenario is about. */
export function succeeded(exchange: Exchange): Exchange {
  const { status } = exchange.answer;
  if (status >= 200 && status < 300) return exchange;
  throw fault(exchange, `${nameOf(exchange)} had to succeed for this scenario, but was answered ${status}`);
}

/**
 * Fails unless the answer is a problem document of the contract: RFC 9457 with `type`, `title`, `status`, and the
 * shop's own `code` (two words and a dot) and `correlation_id`.
 */
export function expectProblem(exchange: Exchange): void {
  const type = headerOf(exchange, "content-type");
  if (!/^application\/problem\+json\s*(;|$)/i.test(type)) {
    throw fault(exchange, `${nameOf(exchange)} refused by "${type}" and not by application/problem+json`);
  }
  const body = bodyOf(exchange);
  textOf(body, "type");
  if (textOf(body, "title").trim() === "") throw misread(fieldOf(body, "title"), "to say something");
  const status = fieldOf(body, "status");
  if (status.value !== exchange.answer.status) throw misread(status, `to be ${exchange.answer.status}`);
  const code = fieldOf(body, "code");
  if (!/^[a-z_]+\.[a-z_]+$/.test(textOf(body, "code"))) throw misread(code, "to look like order.not_found");
  const correlation = fieldOf(body, "correlation_id");
  if (correlation.value !== headerOf(exchange, "x-correlation-id")) {
    throw misread(correlation, "to be the X-Correlation-ID of the answer");
  }
}

// Traces of stacks, SQL and drivers; each is a phrase that no sentence for a customer holds.
const INSIDES = [
  /\bat [^\s(]+ \(?[^\s()]+:\d+:\d+\)?/,
  /Traceback \(most recent call last\)/,
  /\b(select .{1,200} from|insert into|delete from|update .{1,60} set) /i,
  /duplicate key value|violates [a-z-]+ constraint|invalid input syntax|out of range for type/i,
  /node_modules|site-packages|ECONNREFUSED|SQLSTATE|\bpg_[a-z]+/,
];

/** Fails when the answer lets a stack, SQL or the text of a driver out. */
export function expectNoInsides(exchange: Exchange): void {
  const leak = INSIDES.map((pattern) => pattern.exec(exchange.answer.text)?.[0]).find(Boolean);
  if (leak !== undefined) throw fault(exchange, `${nameOf(exchange)} tells about its inside: "${leak}"`);
}

/** Fails unless one of the refusal's `errors` has a path that ends in this field. */
export function expectPointer(exchange: Exchange, field: string): void {
  const errors = rowsOf(bodyOf(exchange), "errors");
  for (const error of errors) textOf(error, "message");
  const paths = errors.map((error) => textOf(error, "path"));
  if (paths.some((path) => path.split(/[./[\]]+/).includes(field))) return;
  throw fault(exchange, `${nameOf(exchange)}: no entry of "errors" points at "${field}", but at ${paths.join(", ")}`);
}
