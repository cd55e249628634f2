import type { OutgoingHttpHeaders } from "node:http";

/** What is wrong with one part of the input: `path` as in `items[0].quantity`, "" for the whole. */
export type InputError = { path: string; message: string };

export type ProblemDetails = {
  /** what happened this time, in a sentence for the client's developer; no secrets, no internals */
  detail?: string;
  errors?: InputError[];
  headers?: OutgoingHttpHeaders;
  cause?: unknown;
};

export type ProblemKind = { code: string; status: number; title: string };

/** An expected refusal (RFC 9457). Anything else that is thrown is a bug and is answered with a bare 500. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: string;
  readonly status: number;
  readonly title: string;
  readonly detail: string | undefined;
  readonly errors: InputError[] | undefined;
  readonly headers: OutgoingHttpHeaders;

  constructor(kind: ProblemKind, details: ProblemDetails = {}) {
    super(details.detail ?? kind.title, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = kind.code;
    this.status = kind.status;
    this.title = kind.title;
    this.detail = details.detail;
    this.errors = details.errors;
    this.headers = details.headers ?? {};
  }
}

export type ProblemFactory = ((details?: ProblemDetails) => Problem) & ProblemKind;

const declared = new Map<string, ProblemKind>();
const CODE = /^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$/;
const FIRST_ERROR_STATUS = 400;
const LAST_ERROR_STATUS = 599;

/**
 * Declares a problem, once, as a value of its module: `throw orderNotFound()`.
 * @param code `<thing>.<what>`, part of the contract: clients branch on it
 * @throws Error when the code is malformed or already declared with another meaning
 */
export function problem(code: string, status: number, title: string): ProblemFactory {
  if (!CODE.test(code)) throw new Error(`problem code "${code}" must look like "order.not_found"`);
  if (status < FIRST_ERROR_STATUS || status > LAST_ERROR_STATUS)
    throw new Error(`${code}: ${status} is no error status`);
  if (declared.has(code)) throw new Error(`the problem "${code}" is declared twice`);
  const kind: ProblemKind = { code, status, title };
  declared.set(code, kind);
  return Object.assign((details?: ProblemDetails) => new Problem(kind, details), kind);
}

/** Every problem that the loaded modules can answer with, by code. */
export function listProblems(): ProblemKind[] {
  return [...declared.values()].toSorted((a, b) => (a.code < b.code ? -1 : 1));
}
