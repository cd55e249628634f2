import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  type SignKeyObjectInput,
} from "node:crypto";
import { SignJWT } from "jose";
import { generateSigningKey, type SigningKey } from "#src/platform/security/secrets.ts";
import { type Client, startApp } from "./app.ts";

/** A shop whose signing key the test knows, and a customer with a live session. */
export async function startForgery() {
  const key = await generateSigningKey();
  const shop = await startApp({ worker: false, env: { SIGNING_KEYS: JSON.stringify([key]) } });
  const ann = await shop.signUp();
  return { shop, ann, smith: smithOf(key, ann) };
}

export type Smith = ReturnType<typeof smithOf>;
type Part = Record<string, unknown>;

/** Makes tokens: `token` is what the shop itself would issue, unless it is told otherwise; the rest is by hand. */
function smithOf(key: SigningKey, owner: Client & { token: string }) {
  const [head = "", body = "", signature = ""] = owner.token.split(".");
  const header = read(head);
  const claims = read(body);
  const { kty, crv = "", x = "", d = "" } = key;
  const privateKey = createPrivateKey({ key: { kty: String(kty), crv, x, d }, format: "jwk" });
  const token = async (change: { header?: Part; claims?: Part; without?: string[] } = {}): Promise<string> => {
    const changed = Object.entries({ ...claims, ...change.claims }).filter(([name]) => !change.without?.includes(name));
    const protectedHeader = { ...header, ...change.header, alg: "EdDSA" };
    const named = Object.entries(protectedHeader).filter(([name]) => !change.without?.includes(name));
    return await new SignJWT(Object.fromEntries(changed))
      .setProtectedHeader({ ...Object.fromEntries(named), alg: "EdDSA" })
      .sign(privateKey);
  };
  return {
    key,
    head,
    body,
    signature,
    header,
    claims,
    publicKey: createPublicKey(privateKey),
    token,
    /** header and claims as they are given, to the character, with the shop's own signature */
    sealed: async (headText: string, bodyText: string): Promise<string> => {
      const content = `${write(headText)}.${write(bodyText)}`;
      return `${content}.${sign(null, Buffer.from(content), privateKey).toString("base64url")}`;
    },
    /** the claims as they are, under another header and a signature made with another key */
    signedWith: (
      own: Part,
      algorithm: string | null,
      other: KeyObject,
      options: Omit<SignKeyObjectInput, "key"> = {},
    ) => {
      const content = `${write(JSON.stringify({ ...header, ...own }))}.${body}`;
      const made = sign(algorithm, Buffer.from(content), { key: other, ...options });
      return `${content}.${made.toString("base64url")}`;
    },
    /** as signedWith, by a shared secret */
    hmac: (own: Part, secret: string | Buffer): string => {
      const content = `${write(JSON.stringify({ ...header, ...own }))}.${body}`;
      return `${content}.${createHmac("sha256", secret).update(content).digest("base64url")}`;
    },
  };
}

export function write(text: string): string {
  return Buffer.from(text).toString("base64url");
}

function read(part: string): Part {
  return JSON.parse(Buffer.from(part, "base64url").toString()) as Part;
}
