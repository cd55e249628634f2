import { randomBytes } from "node:crypto";
import { link, mkdir, readFile, unlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import type { Config } from "#src/config.ts";
import { mistake } from "#src/platform/mistake.ts";

/** `signing_keys`: Ed25519 private keys as JWKs, the signing one first; `token_secret`: text of at least 32 characters. */
export type Secrets = { signing_keys: JWK[]; token_secret: string };

const FILE = "secrets.json";
const SECRET_BYTES = 32;
const KEY_ID_BYTES = 8;

/**
 * The secrets of this installation: from the configuration, or else generated once into the data folder (mode 0600).
 * @throws Error with one clear line when they cannot be read or do not have the form they must have
 */
export async function loadSecrets(config: Config): Promise<Secrets> {
  const { signingKeys, tokenSecret } = config;
  if (signingKeys !== undefined && tokenSecret !== undefined) {
    return { signing_keys: parseKeys(signingKeys, "SIGNING_KEYS"), token_secret: tokenSecret };
  }
  const stored = await readOrGenerate(config.dataDir);
  return {
    signing_keys: signingKeys === undefined ? stored.signing_keys : parseKeys(signingKeys, "SIGNING_KEYS"),
    token_secret: tokenSecret ?? stored.token_secret,
  };
}

/** Fresh secrets, in the form in which the environment wants them. */
export async function generateKeys(): Promise<{ SIGNING_KEYS: string; TOKEN_SECRET: string }> {
  const secrets = await generate();
  return { SIGNING_KEYS: JSON.stringify(secrets.signing_keys), TOKEN_SECRET: secrets.token_secret };
}

async function generate(): Promise<Secrets> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const kid = randomBytes(KEY_ID_BYTES).toString("base64url");
  return {
    signing_keys: [{ ...(await exportJWK(privateKey)), kid, alg: "EdDSA", use: "sig" }],
    token_secret: randomBytes(SECRET_BYTES).toString("base64url"),
  };
}

async function readOrGenerate(dataDir: string): Promise<Secrets> {
  const file = path.join(dataDir, FILE);
  const existing = await readSecrets(file);
  if (existing !== undefined) return existing;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  await writeFile(draft, JSON.stringify(await generate(), null, 2), { mode: 0o600, flag: "wx" });
  // A link fails when another process was first: both then read the same file, and neither ever reads half of one.
  await link(draft, file).catch((error: unknown) => {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  });
  await unlink(draft);
  const written = await readSecrets(file);
  if (written === undefined) throw new Error(`${file} vanished while it was made`);
  return written;
}

async function readSecrets(file: string): Promise<Secrets | undefined> {
  try {
    const parsed = JSON.parse(await readFile(file, "utf8")) as Partial<Secrets>;
    const keys = parseKeys(JSON.stringify(parsed.signing_keys), file);
    if (typeof parsed.token_secret !== "string") throw new Error("token_secret is missing");
    return { signing_keys: keys, token_secret: parsed.token_secret };
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    const wayOut = "move it away and new secrets are made (everybody logs in again)";
    throw mistake(`${file} cannot be used: ${wayOut}`, error);
  }
}

function parseKeys(text: string, source: string): JWK[] {
  let keys: unknown;
  try {
    keys = JSON.parse(text);
  } catch {
    keys = undefined;
  }
  if (!Array.isArray(keys) || keys.length === 0 || !keys.every(isSigningKey)) {
    throw mistake(
      `${source} must be a JSON array of Ed25519 private keys (JWKs), as 'shopfloor generate-keys' prints it`,
    );
  }
  return keys;
}

function isSigningKey(key: unknown): key is JWK {
  if (typeof key !== "object" || key === null) return false;
  const { kty, crv, x, d, kid } = key as JWK;
  return kty === "OKP" && crv === "Ed25519" && [x, d, kid].every((part) => typeof part === "string" && part !== "");
}
