import { hash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Body } from "#src/platform/cache/cache.ts";
import { badRequest, stale } from "./errors.ts";

const HASH_LENGTH = 16;
const JSON_TYPE = "application/json; charset=utf-8";
/** Larger bodies are sent as bytes: encoding them each time would cost more than the second write. */
const MAX_TEXT_BYTES = 16 * 1_024;
const TAG_SOURCE = String.raw`(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"`;
const TAG = new RegExp(TAG_SOURCE, "g");
/** What `If-Match` may look like: a star, or a list of entity tags (RFC 9110, 8.8.3). */
export const IF_MATCH_PATTERN = String.raw`^(?:\*|${TAG_SOURCE}(?:[\t ]*,[\t ]*${TAG_SOURCE})*)$`;
const IF_MATCH = new RegExp(IF_MATCH_PATTERN);

/**
 * Gives a serialised resource its tag: `"<version>-<hash of the body>"`.
 * The hash is there because a body may change without its version, as a product's availability does.
 */
export function versionedBody(text: string, version: number): Body {
  const bytes = Buffer.from(text);
  return { bytes, etag: `"${version}-${hash("sha1", bytes, "base64url").slice(0, HASH_LENGTH)}"` };
}

/** Sends a single resource with its `ETag`, or 304 when the client has just this one. */
export function sendVersioned(
  request: FastifyRequest,
  reply: FastifyReply,
  resource: { version: number },
): FastifyReply {
  return sendBody(request, reply, versionedBody(reply.serialize(resource) as string, resource.version));
}

/** Sends a body that has its tag already, or 304. */
export function sendBody(request: FastifyRequest, reply: FastifyReply, body: Body): FastifyReply {
  const { bytes, etag } = body;
  reply.header("etag", etag).header("cache-control", request.user === undefined ? "no-cache" : "private, no-cache");
  if (knows(request.headers["if-none-match"], etag)) return reply.code(304).send();
  reply.header("content-type", JSON_TYPE).header("content-length", bytes.length);
  // Node sends a text together with its head, in one write; bytes cost a third of the whole request for a second one.
  if (bytes.length <= MAX_TEXT_BYTES) return reply.send((body.text ??= bytes.toString()));
  return reply.send(bytes);
}

/**
 * Compares the version in `If-Match` (RFC 9110, 13.1.1) with the current one; without the field anything goes.
 * @throws stale (412) when the client has seen another version, badRequest (400) when the field can't be read
 */
export function checkIfMatch(request: FastifyRequest, version: number): void {
  const sent = request.headers["if-match"];
  if (sent === undefined || sent === "*") return;
  if (!IF_MATCH.test(sent)) throw badRequest({ detail: "If-Match must be * or a list of entity tags in quotes" });
  // The pattern leaves weak tags out: they say "about the same", which is not enough to overwrite something.
  const versions = (sent.match(TAG) ?? []).map((tag) => /^"(\d+)-?/.exec(tag)?.[1]);
  if (!versions.includes(String(version))) throw stale({ detail: `the current version is ${version}` });
}

function knows(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === "*") return true;
  return (ifNoneMatch.match(TAG) ?? []).some((tag) => tag.replace(/^W\//, "") === etag);
}
