import { createHmac, randomBytes } from "node:crypto";
import { hashOf } from "#src/platform/security/one-time-token.ts";

const TOKEN_BYTES = 32;
// 32 bytes as base64url, without padding.
const FORM = /^[A-Za-z0-9_-]{43}$/;

/** The first token of a session: 256 random bits. */
export function firstToken(): string {
  return randomBytes(TOKEN_BYTES).toString("base64url");
}

/**
 * The one token that can follow another. It is derived and not drawn, so that a client that lost the answer can be given
 * the same one again although only hashes are stored; without the secret nobody gets from one to the next.
 */
export function successorOf(secret: string, parent: string): string {
  return createHmac("sha256", secret).update(`refresh-token ${parent}`).digest("base64url");
}

/** The hash of what a client sent; undefined for what can't be a token of ours. */
export function hashOfSent(text: string | undefined): Buffer | undefined {
  return text !== undefined && FORM.test(text) ? hashOf(text) : undefined;
}

/** What is known of a token that was sent, with its session's row locked. */
export type TokenState = {
  /** neither revoked nor past its absolute end, and of an account that may act */
  session_live: boolean;
  /** past its own end: it was not used for too long */
  expired: boolean;
  spent: boolean;
  /** spent so short a time ago that the answer may have been lost; never where no grace is configured */
  in_grace: boolean;
  successor_spent: boolean;
};

/**
 * What becomes of a refresh token. `repeat`: its successor is handed out again, as long as nobody has used that one.
 * `reused`: two clients have it, and one of them stole it; which, nobody can tell, so the session ends for both.
 * Sources: RFC 9700, 4.14.2; OWASP ASVS 5.0, 10.4.5.
 */
export function judge(token: TokenState): "rotate" | "repeat" | "reused" | "refused" {
  if (!token.session_live) return "refused";
  if (!token.spent) return token.expired ? "refused" : "rotate";
  return token.in_grace && !token.successor_spent ? "repeat" : "reused";
}
