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
  "a word that is no pass": () => "open-sesame",
  "an empty pass": () => "",
};

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
