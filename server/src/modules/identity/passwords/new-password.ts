import { isCommonPassword } from "./common-passwords.ts";
import { passwordRefused } from "#src/modules/identity/errors.ts";
import { MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH } from "#src/modules/identity/schemas.ts";

/**
 * Judges a password that somebody wants to have: 8 to 128 characters (code points) as sent and after NFKC, not one of the
 * common ones, not the account's own address; which characters, and of how many kinds, is nobody's business
 * (ASVS 5.0, 6.2.1 to 6.2.9; NIST SP 800-63B, 3.1.1.2).
 * @param path where in the body it stood, for the answer
 * @param email of the account, normalised, where it is known
 * @returns the form to hash: NFKC (RFC 8265, 4.2, without its case rules), whole, nothing trimmed
 * @throws passwordRefused (422) that names the path
 */
export function acceptPassword(password: string, path: string, email?: string): string {
  const normal = password.normalize("NFKC");
  const message = objection(normal, email);
  if (message !== undefined) throw passwordRefused({ errors: [{ path, message }] });
  return normal;
}

function objection(password: string, email: string | undefined): string | undefined {
  // Characters as people count them: an emoji outside of the basic plane is one, though it takes two code units.
  const { length } = Array.from(password);
  if (length < MIN_PASSWORD_LENGTH) return `must NOT have fewer than ${MIN_PASSWORD_LENGTH} characters`;
  if (length > MAX_PASSWORD_LENGTH) return `must NOT have more than ${MAX_PASSWORD_LENGTH} characters`;
  if (isCommonPassword(password)) return "is one of the passwords that are guessed first; choose another";
  const [local] = email?.split("@") ?? [];
  if ([email, local].includes(password.toLowerCase())) return "must not be the e-mail address itself";
  return undefined;
}
