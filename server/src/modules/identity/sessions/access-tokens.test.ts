import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { EncryptJWT } from "jose";
import { expect, test } from "vitest";
import type { TestApp } from "#test/app.ts";
import { type Smith, startForgery, write } from "#test/forge.ts";
import { until } from "#test/until.ts";

const BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const CHALLENGE = 'Bearer realm="shopfloor", error="invalid_token"';

// cases 34 to 46: each row is one way of making a token that is not ours, from one that is
const FORGERIES: Record<string, (smith: Smith) => string | Promise<string>> = {
  "alg none, unsigned": ({ header, body }) => `${write(JSON.stringify({ ...header, alg: "none" }))}.${body}.`,
  "alg None": ({ header, body }) => `${write(JSON.stringify({ ...header, alg: "None" }))}.${body}.`,
  "alg none with the old signature": ({ header, body, signature }) =>
    `${write(JSON.stringify({ ...header, alg: "none" }))}.${body}.${signature}`,
  "HS256 with the public key's bytes": ({ key, hmac }) => hmac({ alg: "HS256" }, Buffer.from(key.x ?? "", "base64url")),
  "HS256 with the public key's text": ({ key, hmac }) => hmac({ alg: "HS256" }, key.x ?? ""),
  "HS256 with the public key as PEM": ({ publicKey, hmac }) =>
    hmac({ alg: "HS256" }, publicKey.export({ type: "spki", format: "pem" })),
  "HS256 with the public key as DER": ({ publicKey, hmac }) =>
    hmac({ alg: "HS256" }, publicKey.export({ type: "spki", format: "der" })),
  "HS256 with the public JWK": ({ key: { kty, crv, x, kid }, hmac }) =>
    hmac({ alg: "HS256" }, JSON.stringify({ kty, crv, x, kid, alg: "EdDSA", use: "sig" })),
  "HS256 with nothing": ({ hmac }) => hmac({ alg: "HS256" }, ""),
  RS256: ({ signedWith }) => signedWith({ alg: "RS256" }, "sha256", rsa),
  PS256: ({ signedWith }) => signedWith({ alg: "PS256" }, "sha256", rsa, { padding: 6, saltLength: 32 }),
  ES256: ({ signedWith }) => signedWith({ alg: "ES256" }, "sha256", ec, { dsaEncoding: "ieee-p1363" }),
  "ES256 that calls itself EdDSA": ({ signedWith }) => signedWith({}, "sha256", ec, { dsaEncoding: "ieee-p1363" }),
  "EdDSA of a stranger": ({ signedWith }) => signedWith({}, null, stranger),
  "Ed448 of a stranger": ({ signedWith }) => signedWith({}, null, generateKeyPairSync("ed448").privateKey),
  "alg by another name": ({ sealed, header, claims }) =>
    sealed(JSON.stringify({ ...header, alg: "Ed25519" }), JSON.stringify(claims)),
  "kid that climbs out": ({ token }) => token({ header: { kid: "../../../../dev/null" } }),
  "kid with a NUL": ({ token }) => token({ header: { kid: "a\0b" } }),
  "kid that is SQL": ({ token }) => token({ header: { kid: "' UNION SELECT 'secret' --" } }),
  "kid of 10 KB": ({ token }) => token({ header: { kid: "k".repeat(10_240) } }),
  "kid of an object's own": ({ token }) => token({ header: { kid: "__proto__" } }),
  "kid that is a number": ({ token }) => token({ header: { kid: 0 } }),
  "kid that is a list": ({ token, key }) => token({ header: { kid: [key.kid] } }),
  "no kid": ({ token }) => token({ without: ["kid"] }),
  crit: ({ sealed, header, claims }) =>
    sealed(JSON.stringify({ ...header, crit: ["exp"], exp: 1 }), JSON.stringify(claims)),
  "crit b64": ({ sealed, header, claims }) =>
    sealed(JSON.stringify({ ...header, crit: ["b64"], b64: true }), JSON.stringify(claims)),
  zip: ({ token }) => token({ header: { zip: "DEF" } }),
  "a nested token": ({ token }) => token({ header: { cty: "JWT" } }),
  "no typ": ({ token }) => token({ without: ["typ"] }),
  "typ JWT": ({ token }) => token({ header: { typ: "JWT" } }),
  "typ of a refresh token": ({ token }) => token({ header: { typ: "rt+jwt" } }),
  "typ of a logout token": ({ token }) => token({ header: { typ: "logout+jwt" } }),
  "expired by more than clocks differ": ({ token }) => token({ claims: { exp: now() - 31 } }),
  "expired long ago": ({ token }) => token({ claims: { exp: 1 } }),
  "without an end": ({ token }) => token({ without: ["exp"] }),
  "an end that is text": ({ token }) => token({ claims: { exp: "9999999999" } }),
  "not yet valid": ({ token }) => token({ claims: { nbf: now() + 60 } }),
  "made in the future": ({ token }) => token({ claims: { iat: now() + 60 } }),
  "made at no time": ({ token }) => token({ without: ["iat"] }),
  "another audience": ({ token }) => token({ claims: { aud: "another-shop" } }),
  "no audience": ({ token }) => token({ without: ["aud"] }),
  "another issuer": ({ token }) => token({ claims: { iss: "https://evil.example" } }),
  "no issuer": ({ token }) => token({ without: ["iss"] }),
  "no session": ({ token }) => token({ without: ["sid"] }),
  "a session that is no id": ({ token }) => token({ claims: { sid: "' OR 1=1 --" } }),
  "a session that is not there": ({ token }) => token({ claims: { sid: crypto.randomUUID() } }),
  "another owner of the session": ({ token }) => token({ claims: { sub: "2147483000" } }),
  "an owner that is no id": ({ token }) => token({ claims: { sub: "1e0" } }),
  "no owner": ({ token }) => token({ without: ["sub"] }),
  "a claim twice": ({ sealed, header, claims }) =>
    sealed(JSON.stringify(header), JSON.stringify(claims).replace("{", '{"sub":"1",')),
  "alg twice": ({ sealed, header, claims }) =>
    sealed(JSON.stringify(header).replace("{", '{"alg":"none",'), JSON.stringify(claims)),
  "claims that are a list": ({ sealed, header }) => sealed(JSON.stringify(header), "[]"),
  "claims that are null": ({ sealed, header }) => sealed(JSON.stringify(header), "null"),
  "claims that are no text": ({ head, signature }) => `${head}.${randomBytes(60).toString("base64url")}.${signature}`,
  "other claims under the signature": ({ head, claims, signature }) =>
    `${head}.${write(JSON.stringify({ ...claims, sub: "2147483000" }))}.${signature}`,
  "no signature": ({ head, body }) => `${head}.${body}.`,
  "no third part": ({ head, body }) => `${head}.${body}`,
  "a signature cut short": ({ head, body, signature }) => `${head}.${body}.${signature.slice(0, -1)}`,
  "a signature with more behind it": ({ head, body, signature }) => `${head}.${body}.${signature}AA`,
  "a signature of zeros": ({ head, body }) => `${head}.${body}.${"A".repeat(86)}`,
  "a JWE": async ({ claims }) =>
    await new EncryptJWT(claims).setProtectedHeader({ alg: "dir", enc: "A256GCM" }).encrypt(randomBytes(32)),
  "five parts": ({ head, body, signature }) => `${head}..${body}.${body}.${signature}`,
  "four parts": ({ head, body, signature }) => `${head}.${body}.${signature}.${signature}`,
  "padding behind": ({ head, body, signature }) => `${head}.${body}.${signature}==`,
  "padding within": ({ head, body, signature }) => `${head}=.${body}.${signature}`,
  "a space within": ({ head, body, signature }) => `${head}.${body} .${signature}`,
  "a tab within": ({ head, body, signature }) => `${head}.\t${body}.${signature}`,
  "plain base64": ({ head, body, signature }) => `${head}.${body}.${toggled(signature)}`,
  "12,000 characters": () => "x".repeat(12_000),
  "4,096 dots": () => ".".repeat(4_096),
  nothing: () => "",
  "a word": () => "nonsense",
  "what a refresh or reset token looks like": () => randomBytes(32).toString("base64url"),
};

const rsa = generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey;
const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const stranger = generateKeyPairSync("ed25519").privateKey;

test("no forged or spoilt token opens anything, costs a statement or leaves an error behind", async () => {
  const { shop, ann, smith } = await startForgery();
  await using _ = shop;
  expect((await me(shop, ann.token)).statusCode).toBe(200);
  for (const [name, forge] of Object.entries(FORGERIES)) {
    const before = shop.statements();
    const refused = await me(shop, await forge(smith));
    expect([name, refused.statusCode, refused.headers["www-authenticate"]]).toEqual([name, 401, CHALLENGE]);
    expect(refused.body).toMatchObject({ code: "auth.required" });
    // Only what we signed ourselves is worth a look at the session; one that is there may be known still, or not.
    if (name === "another owner of the session") continue;
    expect([name, shop.statements() > before]).toEqual([name, name === "a session that is not there"]);
  }
  expect((await me(shop, ann.token)).statusCode).toBe(200);
});

// case 44: base64url of 64 bytes ends in a character of which four bits are nobody's; they count as well
test("a signature with any one bit changed is refused, the bits that decoders ignore among them", async () => {
  const { shop, smith } = await startForgery();
  await using _ = shop;
  const { head, body, signature } = smith;
  for (let index = 0; index < signature.length; index += 1) {
    for (let bit = 1; bit < 64; bit *= 2) {
      const changed = BASE64URL[BASE64URL.indexOf(signature.charAt(index)) ^ bit] ?? "";
      const spoilt = signature.slice(0, index) + changed + signature.slice(index + 1);
      const { statusCode } = await me(shop, `${head}.${body}.${spoilt}`);
      expect([index, bit, statusCode]).toEqual([index, bit, 401]);
    }
  }
});

// cases 39, 40
test("clocks may differ by 30 seconds, in both directions", async () => {
  const { shop, smith } = await startForgery();
  await using _ = shop;
  const status = async (claims: Record<string, unknown>) => (await me(shop, await smith.token({ claims }))).statusCode;
  const near = [{ exp: now() - 15 }, { nbf: now() + 15 }, { iat: now() + 15 }, { nbf: now() - 900 }];
  for (const claims of near) expect([claims, await status(claims)]).toEqual([claims, 200]);
  const far = [{ exp: now() - 31 }, { nbf: now() + 60 }, { iat: now() + 60 }];
  for (const claims of far) expect([claims, await status(claims)]).toEqual([claims, 401]);
});

// case 39
test("a token that was verified before is forgotten when it runs out", async () => {
  const { shop, smith } = await startForgery();
  await using _ = shop;
  const token = await smith.token({ claims: { exp: now() - 27 } });
  expect((await me(shop, token)).statusCode).toBe(200);
  await until(async () => (await me(shop, token)).statusCode === 401);
});

// case 38
test("a key that a token brings along, or says where to find, is not looked at, and nobody is called", async () => {
  const { shop, smith } = await startForgery();
  await using _ = shop;
  let calls = 0;
  const server = createServer((_request, response) => {
    calls += 1;
    response.end(JSON.stringify({ keys: [smith.key] }));
  });
  await using _server = { [Symbol.asyncDispose]: async () => void server.close() };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const { kty, crv, x, kid } = smith.key;
  const jwk = { kty, crv, x, kid };
  for (const header of [{ jku: url }, { x5u: url }, { jwk }, { x5c: ["MIIB"] }, { "x5t#S256": "abc" }]) {
    // Signed by a stranger, and even by ourselves.
    for (const token of [smith.signedWith(header, null, stranger), await smith.token({ header })]) {
      expect([header, (await me(shop, token)).statusCode]).toEqual([header, 401]);
    }
  }
  expect(calls).toBe(0);
});

// case 47
test("two Authorization headers are one too many, even when both are right", async () => {
  const { shop, ann } = await startForgery();
  await using _ = shop;
  await shop.app.listen({ host: "127.0.0.1", port: 0 });
  const { port } = shop.app.server.address() as AddressInfo;
  const right = `Bearer ${ann.token}`;
  for (const pair of [
    [right, right],
    [right, "Bearer wrong"],
    ["Basic YTpi", right],
  ]) {
    const headers = pair.flatMap((value) => ["Authorization", value]);
    expect(await statusOf(port, ["Host", "127.0.0.1", ...headers])).toBe(400);
  }
  expect(await statusOf(port, ["Host", "127.0.0.1", "Authorization", right])).toBe(200);
});

// case 48
test("a token is read from the Authorization header and from nowhere else", async () => {
  const { shop, ann } = await startForgery();
  await using _ = shop;
  const url = "/api/v1/users/me";
  const places = [
    { url: `${url}?access_token=${ann.token}`, headers: {} },
    { url, headers: { cookie: `access_token=${ann.token}; __Host-rt=${ann.token}` } },
    { url, headers: { "x-access-token": ann.token } },
    { url, headers: { "proxy-authorization": `Bearer ${ann.token}` } },
    { url, headers: { authorization: ann.token } },
    { url, headers: { authorization: `Token ${ann.token}` } },
    { url, headers: { authorization: `Bearer ${ann.token}, Bearer ${ann.token}` } },
    { url, headers: { authorization: `Bearer Bearer ${ann.token}` } },
  ];
  for (const place of places) {
    const refused = await shop.app.inject(place);
    expect([place, refused.statusCode]).toEqual([place, 401]);
    expect(refused.headers["www-authenticate"]).toMatch(/^Bearer realm="shopfloor"/);
  }
});

// case 53
test("the published keys verify and have nothing private about them", async () => {
  const { shop, smith } = await startForgery();
  await using _ = shop;
  const { body, headers } = await shop.anonymous.get("/.well-known/jwks.json");
  const { x, kid } = smith.key;
  expect(body).toEqual({ keys: [{ kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" }] });
  expect(headers["cache-control"]).toBe("public, max-age=300");
});

function me(shop: TestApp, token: string) {
  return shop.anonymous.get("/api/v1/users/me", undefined, { authorization: `Bearer ${token}` });
}

function now(): number {
  return Math.floor(Date.now() / 1_000);
}

/** The same bytes in the letters of plain base64; where there is no letter that differs, one is put in. */
function toggled(signature: string): string {
  const plain = signature.replaceAll("-", "+").replaceAll("_", "/");
  return plain === signature ? `+${signature.slice(1)}` : plain;
}

async function statusOf(port: number, headers: string[]): Promise<number | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>();
  const options = { host: "127.0.0.1", port, path: "/api/v1/users/me", headers, agent: false };
  request(options, (response) => {
    response.resume();
    resolve(response.statusCode);
  })
    .on("error", reject)
    .end();
  return await promise;
}
