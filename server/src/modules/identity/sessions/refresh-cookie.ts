import { parseCookie, stringifySetCookie } from "cookie";
import type { FastifyReply, FastifyRequest } from "fastify";

/**
 * The browser itself sees to it that a cookie of this prefix came from this host by https (loopback counts in some
 * browsers), for all of it and for no other host (RFC 6265bis, 4.1.3.2).
 */
export const REFRESH_COOKIE = "__Host-rt";
// No script can read it, no other site's page can send it.
const ATTRIBUTES = { path: "/", httpOnly: true, secure: true, sameSite: "strict" } as const;

/** A refresh token on its way to the client; `seconds` is how long it is good. */
export type RefreshCookie = { token: string; seconds: number };

export function readRefreshCookie(request: FastifyRequest): string | undefined {
  const { cookie } = request.headers;
  return cookie === undefined ? undefined : parseCookie(cookie)[REFRESH_COOKIE];
}

export function setRefreshCookie(reply: FastifyReply, { token, seconds }: RefreshCookie): void {
  reply.header(
    "set-cookie",
    stringifySetCookie({ name: REFRESH_COOKIE, value: token, maxAge: seconds, ...ATTRIBUTES }),
  );
}

export function clearRefreshCookie(reply: FastifyReply): void {
  reply.header("set-cookie", stringifySetCookie({ name: REFRESH_COOKIE, value: "", maxAge: 0, ...ATTRIBUTES }));
}
