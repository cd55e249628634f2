import { domainToASCII } from "node:url";
import { emailRefused } from "#src/modules/identity/errors.ts";
import { MAX_EMAIL_LENGTH } from "#src/modules/identity/schemas.ts";

const MAX_LOCAL_LENGTH = 64; // RFC 5321, 4.5.3.1.1

// RFC 5322, 3.2.3, dot-atom. Letters beyond ASCII are left out: most mail servers can't deliver to them (RFC 6531), and
// there are several that look alike, as the a of Latin and that of Cyrillic.
const LOCAL = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/;
// RFC 1035, 2.3.1 and RFC 1123, 2.1: labels of 1 to 63, at least two; the last one is no number, or it were an address.
const DOMAIN = /^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?!\d+$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
// `domainToASCII` reads a host of a URL: what could end one, or stand for other characters, must not reach it.
const NAME = /^[a-z0-9.\-\u0080-\u{10ffff}]+$/u;

/**
 * The one form of an address that is stored, compared and counted: NFKC, without surrounding space, in lower case, the
 * domain as its A-label (RFC 5890), so that `Ann@Example.com`, `Ａnn@example.com` and `ann@example.com` can't be two
 * accounts. It never fails: what is no address keeps a form that nobody has.
 */
export function normaliseEmail(email: string): string {
  const normal = email.normalize("NFKC").trim().toLowerCase();
  const at = normal.lastIndexOf("@");
  const domain = normal.slice(at + 1);
  return NAME.test(domain) ? normal.slice(0, at + 1) + (domainToASCII(domain) || domain) : normal;
}

/**
 * Judges an address that somebody wants to have.
 * @param path where in the body it stood, for the answer
 * @returns the normalised form
 * @throws emailRefused (422) that names the path
 */
export function acceptEmail(email: string, path: string): string {
  const normal = normaliseEmail(email);
  const at = normal.lastIndexOf("@");
  const isAddress = LOCAL.test(normal.slice(0, Math.max(at, 0))) && DOMAIN.test(normal.slice(at + 1));
  if (isAddress && at <= MAX_LOCAL_LENGTH && normal.length <= MAX_EMAIL_LENGTH) return normal;
  throw emailRefused({ errors: [{ path, message: "must be an e-mail address, as ann@example.com" }] });
}
