import { createHmac, createPublicKey, generateKeyPairSync, sign } from "node:crypto";

/**
 * Passes that are not right, made from one that is, by the words of the features. A token that is no JWT is changed
 * at its end or replaced, so that servers with other tokens can be examined, too.
 */
export const forgeries: Record<string, (token: string) => string> = {
  "a pass with a changed signature": (token) => {
    const [head = "", body = "", signature = ""] = parts(token);
    return [head, body, flipped(signature || token)].join(".");
  },
  "a pass without a signature": (token) => [...parts(token).slice(0, 2), ""].join("."),
  // RFC 7519, 6 allows unsecured tokens; RFC 8725, 3.1 says why nobody may take them.
  "a pass that claims no algorithm": (token) => {
    const [, body = ""] = parts(token);
    return [encoded({ alg: "none", typ: "JWT" }), body, ""].join(".");
  },
  "a pass with another owner": (token) => {
    const [head = "", body = "", signature = ""] = parts(token);
    return [head, encoded({ ...decoded(body), sub: "1" }), signature].join(".");
  },
  "a pass that is cut short": (token) => token.slice(0, -1),
  "a pass with a letter more": (token) => `${token}A`,
  "a pass with a space in it": (token) => `${token.slice(0, HALF_OF_A_PASS)} ${token.slice(HALF_OF_A_PASS)}`,
  "a pass that claims no algorithm by another spelling": (token) => {
    const [, body = "", signature = ""] = parts(token);
    return [encoded({ alg: "nOnE", typ: "JWT" }), body, signature].join(".");
  },
  // RFC 8725, 3.10: what a header says about keys is the sender's word, and the sender is who wants to get in.
  "a pass that brings its own key along": (token) =>
    resealed(token, (publicKey) => ({ jwk: publicKey.export({ format: "jwk" }) })),
  "a pass that says where its key lies": (token) =>
    resealed(token, () => ({ jku: "https://keys.assay.invalid/jwks.json", x5u: "https://keys.assay.invalid/key.pem" })),
  "a pass that names a file as its key": (token) => sealedBySecret(token, { kid: "../../../../../../dev/null" }, ""),
  "a pass that names a query as its key": (token) =>
    sealedBySecret(token, { kid: "none' UNION SELECT 'known' -- " }, "known"),
  "a pass that names no key": (token) => resealed(token, () => ({ kid: undefined })),
  // RFC 7515, 4.1.11: what is critical and not understood makes the pass invalid.
  "a pass that demands what nobody knows": (token) => {
    const [head = "", body = "", signature = ""] = parts(token);
    return [encoded({ ...decoded(head), crit: ["assay"], assay: true }), body, signature].join(".");
  },
  "a pass in five parts": (token) => {
    const [head = "", body = "", signature = ""] = parts(token);
    return [head, "", body, body, signature].join(".");
  },
  "a pass of another kind": (token) => resealed(token, () => ({ typ: "logout+jwt" })),
  "a word that is no pass": () => "open-sesame",
  "an empty pass": () => "",
};

const HALF_OF_A_PASS = 20;

/**
 * Passes signed with a published key as if it were a shared secret, in each of the forms in which a server may keep it.
 * A server that lets the pass choose the algorithm takes one of them (RFC 8725, 3.1).
 */
export function sealedByPublicKey(token: string, key: Record<string, unknown>): string[] {
  const { x, n } = key;
  const raw = [x, n].flatMap((part) => (typeof part === "string" ? [Buffer.from(part, "base64url")] : []));
  return [...raw, ...exported(key), JSON.stringify(key)].map((secret) => sealedBySecret(token, {}, secret));
}

function exported(key: Record<string, unknown>): (string | Buffer)[] {
  try {
    const publicKey = createPublicKey({ key, format: "jwk" });
    const pem = publicKey.export({ type: "spki", format: "pem" });
    return [pem, pem.trim(), publicKey.export({ type: "spki", format: "der" })];
  } catch {
    // A kind of key that Node does not know: the other forms have to do.
    return [];
  }
}

/** The same claims under a header that is changed, signed with a key that nobody has seen before. */
function resealed(token: string, change: (publicKey: ReturnType<typeof freshKeys>["publicKey"]) => object): string {
  const [head = "", body = ""] = parts(token);
  const { publicKey, privateKey } = freshKeys();
  const content = `${encoded({ ...decoded(head), alg: "EdDSA", ...change(publicKey) })}.${body}`;
  return `${content}.${sign(null, Buffer.from(content), privateKey).toString("base64url")}`;
}

function freshKeys() {
  return generateKeyPairSync("ed25519");
}

function sealedBySecret(token: string, change: object, secret: string | Buffer): string {
  const [head = "", body = ""] = parts(token);
  const content = `${encoded({ ...decoded(head), alg: "HS256", ...change })}.${body}`;
  return `${content}.${createHmac("sha256", secret).update(content).digest("base64url")}`;
}

function parts(token: string): string[] {
  return token.split(".");
}

// The first character carries six whole bits; the last one of base64url can carry padding that decoders ignore.
function flipped(text: string): string {
  return (text.startsWith("A") ? "B" : "A") + text.slice(1);
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

function decoded(part: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    return typeof value === "object" && value !== null ? { ...value } : {};
  } catch {
    return {};
  }
}
