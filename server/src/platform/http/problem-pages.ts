import { STATUS_CODES } from "node:http";
import Type from "typebox";
import { unknownPath } from "./errors.ts";
import { PROBLEM_PAGES } from "./failures.ts";
import { escaped, sendPage } from "./page.ts";
import { PERMISSION_PAGE } from "./permission-page.ts";
import { listProblems, type ProblemKind } from "./problem.ts";
import { Strict } from "./schemas.ts";
import type { App } from "./app.ts";

const MAX_CODE_LENGTH = 100;

const HINTS: Record<number, string> = {
  400: "The request can't be parsed. Sending it again unchanged will not help.",
  401: "Send a valid access token: <code>Authorization: Bearer &lt;token&gt;</code>.",
  403: `You are known, but this is not for you: <a href="${PERMISSION_PAGE}">who may do what</a>.`,
  404: "It does not exist, or its existence is not for you to know.",
  405: "The <code>Allow</code> header lists what this path understands.",
  409: "The state of things does not allow it now. Read it again before you decide.",
  412: "Somebody changed it since you read it. Read it again, then repeat your change.",
  422: "The request was read, but something in it is wrong: see <code>errors</code>.",
  429: "Wait for as long as <code>Retry-After</code> says (seconds), then try again.",
  500: "A mistake of ours. Tell us the <code>correlation_id</code>.",
  503: "Try again after <code>Retry-After</code> seconds; with an <code>Idempotency-Key</code> that is always safe.",
};

/** The pages that a problem's `type` leads to: one for each declared problem, and the list of them. */
export function problemPages(app: App): void {
  const config = { permission: "service.read" } as const;
  app.get(PROBLEM_PAGES, { config, schema: { hide: true } }, async (_request, reply) =>
    sendPage(reply, "Problems", listPage()),
  );
  const params = Strict({ code: Type.String({ maxLength: MAX_CODE_LENGTH }) });
  app.get(`${PROBLEM_PAGES}/:code`, { config, schema: { hide: true, params } }, async (request, reply) => {
    const kind = listProblems().find(({ code }) => code === request.params.code);
    if (kind === undefined) throw unknownPath();
    return sendPage(reply, kind.code, problemPage(kind));
  });
}

function listPage(): string {
  const rows = listProblems().map(
    ({ code, status, title }) =>
      `<li><a href="${PROBLEM_PAGES}/${code}"><code>${code}</code></a> (${status}): ${escaped(title)}</li>`,
  );
  return `<ul>${rows.join("\n")}</ul>`;
}

function problemPage({ status, title }: ProblemKind): string {
  const hint = HINTS[status] ?? "";
  const name = STATUS_CODES[status] ?? "";
  return `<p>${escaped(title)}.</p><p>Status ${status} ${name}. ${hint}</p><p><a href="${PROBLEM_PAGES}">All problems</a></p>`;
}
