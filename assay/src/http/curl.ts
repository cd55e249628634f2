import type { Sent } from "./exchange.ts";
import type { Evidence } from "./fault.ts";

const SHOWN_BODY_CHARACTERS = 600;
const MASK = "********";

/**
 * The command that repeats a request in a POSIX shell. Secrets are masked: a pass becomes a variable such as
 * `$ADA_TOKEN`, a password becomes stars, because reports are passed on.
 */
export function curlOf(sent: Sent): string {
  const parts = ["curl", "-i"];
  if (sent.method !== "GET" || sent.body !== undefined) parts.push("-X", sent.method);
  parts.push(quoted(masked(sent.url)));
  for (const [name, value] of Object.entries(sent.headers)) {
    if (name === "accept") continue;
    if (name === "authorization") parts.push("-H", `"authorization: Bearer $${tokenVariable(sent.who)}"`);
    else if (name === "cookie") parts.push("-H", quoted(`cookie: ${value.replaceAll(/=[^;]+/g, `=${MASK}`)}`));
    // curl drops a header without a value unless it ends in a semicolon.
    else parts.push("-H", quoted(value === "" ? `${name};` : `${name}: ${value}`));
  }
  if (typeof sent.body === "string") parts.push("--data-raw", quoted(shortened(masked(sent.body))));
  if (sent.body === undefined || typeof sent.body === "string") return parts.join(" ");
  return `printf '${octal(sent.body)}' | ${parts.join(" ")} --data-binary @-`;
}

/** The curl line of an exchange and, indented below it, what came back. */
export function describeEvidence({ sent, answer }: Evidence): string {
  if (answer === undefined) return `${curlOf(sent)}\n  no answer`;
  const lines = [curlOf(sent), `  ${answer.status} in ${Math.round(answer.tookMs)} ms`];
  for (const name of ["content-type", "location", "allow", "etag", "retry-after", "x-correlation-id"]) {
    const value = answer.headers.get(name);
    if (value !== null) lines.push(`  ${name}: ${value}`);
  }
  const body = shortened(masked(answer.text.trim()));
  return body === "" ? lines.join("\n") : `${lines.join("\n")}\n  ${body.replaceAll("\n", "\n  ")}`;
}

function tokenVariable(who: string): string {
  return who === "" ? "TOKEN" : `${who.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}_TOKEN`;
}

// Values of secret fields in JSON text (with escaped quotes inside), in forms and in addresses; the names stay readable.
const SECRET_IN_JSON = /("(?:[a-z]+_)?(?:password|token|secret)"\s*:\s*)(?:"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?)/gi;
const SECRET_IN_FORM = /(^|[?&])((?:[a-z]+_)?(?:password|token|secret)=)[^&]*/gi;

/** The same text with every password, token and secret replaced by stars. */
export function masked(text: string): string {
  return text.replace(SECRET_IN_JSON, `$1"${MASK}"`).replace(SECRET_IN_FORM, `$1$2${MASK}`);
}

function shortened(text: string): string {
  if (text.length <= SHOWN_BODY_CHARACTERS) return text;
  return `${text.slice(0, SHOWN_BODY_CHARACTERS)}... (${text.length} characters)`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

function octal(bytes: Uint8Array): string {
  const shown = bytes.subarray(0, SHOWN_BODY_CHARACTERS);
  return Array.from(shown, (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
}
