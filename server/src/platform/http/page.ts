import { createHash } from "node:crypto";
import type { FastifyReply } from "fastify";

const STYLE = [
  "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}",
  "code{font-size:.95em}",
  "table{border-collapse:collapse}",
  "th,td{text-align:left;vertical-align:top;padding:.3rem .8rem .3rem 0;border-bottom:1px solid #8884}",
].join("");
const STYLE_HASH = createHash("sha256").update(STYLE).digest("base64");
const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'; base-uri 'none'`;

/** Answers with a page of the documentation. @param content HTML, with what is not ours escaped */
export function sendPage(reply: FastifyReply, title: string, content: string): FastifyReply {
  const viewport = `<meta name="viewport" content="width=device-width">`;
  const head = `<meta charset="utf-8">${viewport}<title>${title}</title><style>${STYLE}</style>`;
  const html = `<!doctype html><html lang="en"><head>${head}</head><body><h1>${title}</h1>${content}</body></html>\n`;
  return reply.header("content-security-policy", PAGE_POLICY).type("text/html; charset=utf-8").send(html);
}

export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
