import { createHash, createHmac, randomBytes } from "node:crypto";

const SEED_BYTES = 32;

/** What a one-time token is made from: 256 random bits that are worth nothing without this installation's secret. */
export function newSeed(): string {
  return randomBytes(SEED_BYTES).toString("base64url");
}

/**
 * The token of a seed: HMAC-SHA256 (RFC 2104) under the installation's secret, as 43 characters of base64url. A row may
 * hold the seed, as the mail that will carry the token does: whoever reads the database can make no token of it.
 * @param purpose what the token is good for; a token for one purpose is none for another
 */
export function tokenOf(tokenSecret: string, purpose: string, seed: string): string {
  return createHmac("sha256", tokenSecret).update(`one-time:${purpose}:${seed}`).digest("base64url");
}

/** What is stored of a token. It has 256 bits of its own, so a fast hash without salt is enough. */
export function hashOf(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
