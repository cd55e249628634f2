/**
 * The one form of an address that is stored and compared: NFKC, without surrounding space, in lower case, so that
 * `Ann@Example.com` and `ann@example.com` can't be two accounts.
 */
export function normaliseEmail(email: string): string {
  return email.normalize("NFKC").trim().toLowerCase();
}
