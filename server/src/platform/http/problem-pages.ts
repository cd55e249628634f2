import { createHash } from "node:crypto";
import { STATUS_CODES } from "node:http";
import type { FastifyReply } from "fastify";
import Type from "typebox";
import { unknownPath } from "./errors.ts";
import { PROBLEM_PAGES } from "./failures.ts";
import { listProblems, type ProblemKind } from "./problem.ts";
import { Strict } from "./schemas.ts";
import type { App } from "./app.ts";

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}code{font-size:.95em}";
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");
const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'`;
const MAX_CODE_LENGTH = 100;

const HINTS: Record<number, string> = {
  400: "The request can't be parsed. Sending it again unchanged will not help.",
  401: "Send a valid access token: <code>Authorization: Bearer &lt;token&gt;</code>.",
  403: "You are known, but this is not for you.",
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
  app.get(PROBLEM_PAGES, { config, schema: { hide: true } }, async (_request, reply) => sendPage(reply, listPage()));
  const params = Strict({ code: Type.String({ maxLength: MAX_CODE_LENGTH }) });
  app.get(`${PROBLEM_PAGES}/:code`, { config, schema: { hide: true, params } }, async (request, reply) => {
    const kind = listProblems().find(({ code }) => code === request.params.code);
    if (kind === undefined) throw unknownPath();
    return sendPage(reply, problemPage(kind));
  });
}

function sendPage(reply: FastifyReply, html: string): FastifyReply {
  return reply.header("content-security-policy", PAGE_POLICY).type("text/html; charset=utf-8").send(html);
}

function listPage(): string {
  const rows = listProblems().map(
    ({ code, status, title }) =>
      `<li><a href="${PROBLEM_PAGES}/${code}"><code>${code}</code></a> (${status}): ${escaped(title)}</li>`,
  );
  return page("Problems", `<ul>${rows.join("\n")}</ul>`);
}

function problemPage({ code, status, title }: ProblemKind): string {
  const hint = HINTS[status] ?? "";
  const name = STATUS_CODES[status] ?? "";
  return page(
    code,
    `<p>${escaped(title)}.</p><p>Status ${status} ${name}. ${hint}</p><p><a href="${PROBLEM_PAGES}">All problems</a></p>`,
  );
}

function page(title: string, content: string): string {
  const head = `<meta charset="utf-8"><title>${title}</title><style>${STYLE}</style>`;
  return `<!doctype html><html lang="en"><head>${head}</head><body><h1>${title}</h1>${content}</body></html>\n`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
