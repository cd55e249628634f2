import { randomBytes } from "node:crypto";
import { link, mkdir, open, readFile, rename, rm, stat, unlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { exportJWK, generateKeyPair, type JWK } from "jose";
import type { Config } from "#src/config.ts";
import { codeOf, mistake } from "#src/platform/mistake.ts";

/**
 * An Ed25519 private key (RFC 8037). `nbf` and `exp` are for its rotation, in seconds: from when on it may sign, and from
 * when on it may be taken away.
 */
export type SigningKey = JWK & { kid: string; nbf?: number; exp?: number };
/** `signing_keys`: the signing one first; `token_secret`: text of at least 32 characters. */
export type Secrets = { signing_keys: SigningKey[]; token_secret: string };

const FILE = "secrets.json";
const FILE_MODE = 0o600;
const PERMISSION_BITS = 0o777;
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

/** The file that the signing keys come from; undefined when the environment itself holds them. */
export function signingKeysFile(config: Config): string | undefined {
  if (config.signingKeysFile !== undefined) return config.signingKeysFile;
  return config.signingKeys === undefined ? path.join(config.dataDir, FILE) : undefined;
}

/** Reads the keys from that file, where they stand alone or among the other secrets. @throws a mistake when there are none */
export async function readSigningKeys(file: string): Promise<SigningKey[]> {
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    throw mistake(`${file} cannot be read (${codeOf(error)}); a first start makes it`, error);
  });
  return keysIn(text, file);
}

/** The keys that a process would start with now; none are made. @throws a mistake when there are none */
export async function findSigningKeys(config: Config): Promise<SigningKey[]> {
  const file = signingKeysFile(config);
  return file === undefined ? parseKeys(config.signingKeys ?? "", "SIGNING_KEYS") : await readSigningKeys(file);
}

/**
 * Changes the keys in that file, whole or not at all: who reads it meanwhile sees the old or the new ones.
 * @throws a mistake when it cannot be written, or another change is under way
 */
export async function rewriteSigningKeys(
  file: string,
  change: (keys: SigningKey[]) => SigningKey[],
): Promise<SigningKey[]> {
  const draft = `${file}.rotating`;
  const lock = await open(draft, "wx", FILE_MODE).catch((error: unknown) => {
    const reason = codeOf(error) === "EEXIST" ? `${draft} is there: another rotation runs, or died; remove it` : "";
    throw mistake(reason || `${file} cannot be changed (${codeOf(error)}): --print shows its new content`, error);
  });
  try {
    // Whoever could read the file can still read it.
    const { mode, uid, gid } = await stat(file);
    await lock.chmod(mode & PERMISSION_BITS);
    await lock.chown(uid, gid);
    const text = await readFile(file, "utf8");
    const keys = change(keysIn(text, file));
    const stored = text.trimStart().startsWith("{") ? { ...membersOf(text), signing_keys: keys } : keys;
    await lock.writeFile(`${JSON.stringify(stored, null, 2)}\n`);
    await lock.sync();
    await rename(draft, file);
    return keys;
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  } finally {
    await lock.close();
  }
}

/** A key that no other installation has. */
export async function generateSigningKey(): Promise<SigningKey> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519", extractable: true });
  const kid = randomBytes(KEY_ID_BYTES).toString("base64url");
  return { ...(await exportJWK(privateKey)), kid, alg: "EdDSA", use: "sig" };
}

/** Fresh secrets, in the form in which the environment wants them. */
export async function generateKeys(): Promise<{ SIGNING_KEYS: string; TOKEN_SECRET: string }> {
  const secrets = await generate();
  return { SIGNING_KEYS: JSON.stringify(secrets.signing_keys), TOKEN_SECRET: secrets.token_secret };
}

async function generate(): Promise<Secrets> {
  return {
    signing_keys: [await generateSigningKey()],
    token_secret: randomBytes(SECRET_BYTES).toString("base64url"),
  };
}

async function readOrGenerate(dataDir: string): Promise<Secrets> {
  const file = path.join(dataDir, FILE);
  const existing = await readSecrets(file);
  if (existing !== undefined) return existing;
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.${randomBytes(4).toString("hex")}`;
  await writeFile(draft, JSON.stringify(await generate(), null, 2), { mode: FILE_MODE, flag: "wx" });
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

function keysIn(text: string, file: string): SigningKey[] {
  return parseKeys(/^\s*\{/.test(text) ? JSON.stringify(membersOf(text)["signing_keys"] ?? null) : text, file);
}

function membersOf(text: string): Record<string, unknown> {
  try {
    return { ...Object(JSON.parse(text)) };
  } catch {
    // Half of a file: whoever writes it in place is not done yet.
    return {};
  }
}

function parseKeys(text: string, source: string): SigningKey[] {
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
  // Of two keys with one name only one could ever verify.
  if (new Set(keys.map(({ kid }) => kid)).size < keys.length) throw mistake(`${source} has two keys with the same kid`);
  return keys;
}

function isSigningKey(key: unknown): key is SigningKey {
  if (typeof key !== "object" || key === null) return false;
  const { kty, crv, x, d, kid } = key as JWK;
  return kty === "OKP" && crv === "Ed25519" && [x, d, kid].every((part) => typeof part === "string" && part !== "");
}
