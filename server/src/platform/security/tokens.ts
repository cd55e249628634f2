import { type CryptoKey, importJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from "jose";
import { LRUCache } from "lru-cache";
import { mistake } from "#src/platform/mistake.ts";

export const ACCESS_TOKEN_SECONDS = 15 * 60;
export const CLOCK_SKEW_SECONDS = 30;
/** How long others may keep the public keys: a new one signs nothing before that. */
export const KEY_SET_MAX_AGE_SECONDS = 300;
const VERIFIED_TOKENS = 20_000;
const MAX_TOKEN_LENGTH = 4_096;
const ISSUER = "shopfloor";
const AUDIENCE = "shopfloor";
const ALGORITHM = "EdDSA";
const TYPE = "at+jwt";
/** An Ed25519 signature has 64 bytes, which are 86 characters of base64url. */
const COMPACT = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{86})$/;
const USER_ID = /^[1-9]\d*$/;
const SESSION_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What an access token says: who, and in which session. Whether the session still lives is not in the token. */
export type Claims = { user_id: number; session_id: string };

export type Tokens = {
  issue(claims: Claims): Promise<{ access_token: string; expires_in: number }>;
  /** undefined for whatever is not, or no longer, a token of ours */
  verify(token: string): Promise<Claims | undefined>;
  /** the public keys (RFC 7517), without anything private */
  readonly jwks: { keys: Record<string, string>[] };
  /**
   * Goes on with other keys from now on; a token of a key that is not among them is refused at once.
   * @throws a mistake when one of them is no pair of keys; then the ones before stay
   */
  replaceKeys(signingKeys: JWK[]): Promise<void>;
};

/** One set of keys and what was verified with it: a key that goes takes the memory of its tokens along. */
type KeyRing = {
  header: { alg: string; typ: string; kid: string };
  privateKey: CryptoKey | Uint8Array;
  publicKeys: Map<string, CryptoKey | Uint8Array>;
  jwks: Tokens["jwks"];
  verified: LRUCache<string, { claims: Claims; expiresAt: number }>;
};

/**
 * Access tokens: JWTs (RFC 9068) signed with Ed25519, by the first key; every key verifies, so that keys can rotate.
 * Verified signatures are remembered until they expire: checking one costs 100 microseconds, looking it up a hundredth.
 * @throws a mistake when a key is no pair of keys
 */
export async function createTokens(signingKeys: JWK[]): Promise<Tokens> {
  let ring = await createKeyRing(signingKeys);
  return {
    get jwks() {
      return ring.jwks;
    },
    async issue(claims) {
      const access_token = await new SignJWT({ sid: claims.session_id })
        .setProtectedHeader(ring.header)
        .setSubject(String(claims.user_id))
        .setIssuer(ISSUER)
        .setAudience(AUDIENCE)
        .setJti(crypto.randomUUID())
        .setIssuedAt()
        .setExpirationTime(`${ACCESS_TOKEN_SECONDS}s`)
        .sign(ring.privateKey);
      return { access_token, expires_in: ACCESS_TOKEN_SECONDS };
    },
    async verify(token) {
      return await verifyWith(ring, token);
    },
    async replaceKeys(changed) {
      ring = await createKeyRing(changed);
    },
  };
}

async function createKeyRing(signingKeys: JWK[]): Promise<KeyRing> {
  const keys = signingKeys.map(publicPart);
  const publicKeys = new Map<string, CryptoKey | Uint8Array>();
  for (const key of keys) publicKeys.set(String(key["kid"]), await importJWK(key, ALGORITHM));
  // Each of them may have to sign one day; better told now than when it is promoted.
  const [privateKey] = await Promise.all(signingKeys.map(importPair));
  const kid = signingKeys[0]?.kid;
  if (privateKey === undefined || kid === undefined) throw new Error("there is no key to sign with");
  const header = { alg: ALGORITHM, typ: TYPE, kid };
  return { header, privateKey, publicKeys, jwks: { keys }, verified: new LRUCache({ max: VERIFIED_TOKENS }) };
}

async function importPair(key: JWK): Promise<CryptoKey | Uint8Array> {
  return await importJWK(key, ALGORITHM).catch((error: unknown) => {
    throw mistake(`the signing key ${key.kid} is no Ed25519 key: its d and its x do not belong together`, error);
  });
}

// By name, so that nothing private and nothing of the rotation's own can get out with it.
function publicPart({ kty, crv = "", x = "", kid = "" }: JWK): Record<string, string> & { kty: string } {
  return { kty: String(kty), crv, x, kid, alg: ALGORITHM, use: "sig" };
}

async function verifyWith(ring: KeyRing, token: string): Promise<Claims | undefined> {
  const now = Date.now() / 1_000;
  const known = ring.verified.get(token);
  if (known !== undefined) return known.expiresAt + CLOCK_SKEW_SECONDS > now ? known.claims : undefined;
  const key = token.length > MAX_TOKEN_LENGTH ? undefined : keyOf(ring, token);
  const payload = key && (await verifySignature(token, key));
  const claims = payload && claimsOf(payload, now);
  // Only what was signed by us gets in: nobody else can push the tokens of others out of this memory.
  if (claims !== undefined) ring.verified.set(token, { claims, expiresAt: payload?.exp ?? 0 });
  return claims;
}

/**
 * The key that a token names, when the token is written as we write ours: canonical base64url, JSON that comes out the
 * same when it is written again (no member twice), and a header of just alg, typ and kid. So a key that the token brings
 * along (jwk, jku, x5u), an extension (crit, b64) or an encryption is refused before anything is computed (RFC 8725, 3.1).
 */
function keyOf(ring: KeyRing, token: string): CryptoKey | Uint8Array | undefined {
  const [, head = "", body = "", signature = ""] = COMPACT.exec(token) ?? [];
  // The last character of a signature carries two bits and four that decoders ignore: 15 other texts would do as well.
  if (head === "" || Buffer.from(signature, "base64url").toString("base64url") !== signature) return undefined;
  const header = readJson(head);
  if (header === undefined || readJson(body) === undefined) return undefined;
  const { alg, typ, kid, ...more } = header;
  if (alg !== ALGORITHM || typ !== TYPE || typeof kid !== "string" || Object.keys(more).length > 0) return undefined;
  return ring.publicKeys.get(kid);
}

function readJson(part: string): Record<string, unknown> | undefined {
  try {
    const text = Buffer.from(part, "base64url").toString();
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject && JSON.stringify(value) === text ? { ...value } : undefined;
  } catch {
    return undefined;
  }
}

async function verifySignature(token: string, key: CryptoKey | Uint8Array): Promise<JWTPayload | undefined> {
  try {
    const rules = { algorithms: [ALGORITHM], typ: TYPE, issuer: ISSUER, audience: AUDIENCE };
    const required = { requiredClaims: ["sub", "sid", "exp", "iat", "jti"], clockTolerance: CLOCK_SKEW_SECONDS };
    return (await jwtVerify(token, key, { ...rules, ...required })).payload;
  } catch {
    return undefined;
  }
}

function claimsOf({ sub = "", sid, iat = 0 }: JWTPayload, now: number): Claims | undefined {
  const user_id = USER_ID.test(sub) ? Number(sub) : Number.NaN;
  if (!Number.isSafeInteger(user_id) || typeof sid !== "string" || !SESSION_ID.test(sid)) return undefined;
  // The library looks at nbf and exp only; a token from the future was made by a clock that nobody can trust.
  return iat > now + CLOCK_SKEW_SECONDS ? undefined : { user_id, session_id: sid };
}
