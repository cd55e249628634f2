import { type CryptoKey, importJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { LRUCache } from "lru-cache";

export const ACCESS_TOKEN_SECONDS = 15 * 60;
const CLOCK_SKEW_SECONDS = 30;
const VERIFIED_TOKENS = 20_000;
const MAX_TOKEN_LENGTH = 4_096;
const ISSUER = "shopfloor";
const AUDIENCE = "shopfloor";
const ALGORITHM = "EdDSA";
const TYPE = "at+jwt";

/** What an access token says: who, and in which session. Whether the session still lives is not in the token. */
export type Claims = { user_id: number; session_id: string };

export type Tokens = {
  issue(claims: Claims): Promise<{ access_token: string; expires_in: number }>;
  /** undefined for whatever is not, or no longer, a token of ours */
  verify(token: string): Promise<Claims | undefined>;
  /** the public keys (RFC 7517), without anything private */
  jwks: { keys: Record<string, string>[] };
};

/**
 * Access tokens: JWTs (RFC 9068) signed with Ed25519, by the first key; every key verifies, so that keys can rotate.
 * Verified signatures are remembered until they expire: checking one costs 100 microseconds, looking it up a hundredth.
 */
export async function createTokens(signingKeys: JWK[]): Promise<Tokens> {
  const keys = new Map<string, CryptoKey | Uint8Array>();
  const publicKeys = signingKeys.map(publicPart);
  for (const key of publicKeys) keys.set(String(key["kid"]), await importJWK(key, ALGORITHM));
  const [signingKey] = signingKeys;
  if (signingKey?.kid === undefined) throw new Error("there is no key to sign with");
  const header = { alg: ALGORITHM, typ: TYPE, kid: signingKey.kid };
  const privateKey = await importJWK(signingKey, ALGORITHM);
  const verified = new LRUCache<string, { claims: Claims; expiresAt: number }>({ max: VERIFIED_TOKENS });

  return {
    jwks: { keys: publicKeys },
    async issue(claims) {
      const access_token = await new SignJWT({ sid: claims.session_id })
        .setProtectedHeader(header)
        .setSubject(String(claims.user_id))
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setJti(crypto.randomUUID())
        .setIssuedAt()
        .setExpirationTime(`${ACCESS_TOKEN_SECONDS}s`)
        .sign(privateKey);
      return { access_token, expires_in: ACCESS_TOKEN_SECONDS };
    },
    async verify(token) {
      const now = Date.now() / 1_000;
      const known = verified.get(token);
      if (known !== undefined) return known.expiresAt + CLOCK_SKEW_SECONDS > now ? known.claims : undefined;
      const payload = token.length > MAX_TOKEN_LENGTH ? undefined : await verifySignature(token, keys);
      const claims = payload && claimsOf(payload, now);
      if (claims !== undefined) verified.set(token, { claims, expiresAt: payload?.exp ?? 0 });
      return claims;
    },
  };
}

function publicPart({ kty, crv = "", x = "", kid = "" }: JWK): Record<string, string> & { kty: string } {
  return { kty: String(kty), crv, x, kid, alg: ALGORITHM, use: "sig" };
}

async function verifySignature(
  token: string,
  keys: Map<string, CryptoKey | Uint8Array>,
): Promise<JWTPayload | undefined> {
  try {
    const findKey = ({ kid }: { kid?: string }) => {
      const key = kid === undefined ? undefined : keys.get(kid);
      // A key that the token brings along (jwk, jku, x5u) is never looked at: only our own store counts.
      if (key === undefined) throw new Error("unknown key");
      return key;
    };
    const rules = { algorithms: [ALGORITHM], typ: TYPE, issuer: ISSUER, audience: AUDIENCE };
    const required = { requiredClaims: ["sub", "sid", "exp", "iat", "jti"], clockTolerance: CLOCK_SKEW_SECONDS };
    return (await jwtVerify(token, findKey, { ...rules, ...required })).payload;
  } catch {
    return undefined;
  }
}

function claimsOf(payload: JWTPayload, now: number): Claims | undefined {
  const user_id = Number(payload.sub);
  const session_id = payload["sid"];
  if (!Number.isSafeInteger(user_id) || typeof session_id !== "string") return undefined;
  if ((payload.iat ?? 0) > now + CLOCK_SKEW_SECONDS) return undefined;
  return { user_id, session_id };
}
