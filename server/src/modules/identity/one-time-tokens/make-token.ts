import type { Context } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { hashOf, newSeed, tokenOf } from "#src/platform/security/one-time-token.ts";
import { PASSWORD_RESET_MINUTES, VERIFICATION_HOURS } from "./token-lives.ts";
import { replaceToken, type TokenPurpose } from "./token-repository.ts";

const LIVES: Record<TokenPurpose, number> = {
  password_reset: PASSWORD_RESET_MINUTES,
  verify_email: VERIFICATION_HOURS * 60,
};

/** Makes a token, which voids the account's older one. @returns its seed, for the mail; the token itself is kept nowhere */
export async function makeToken(
  trx: Trx,
  { tokenSecret }: Pick<Context, "tokenSecret">,
  { user_id, purpose }: { user_id: number; purpose: TokenPurpose },
): Promise<string> {
  const seed = newSeed();
  const hash = hashOf(tokenOf(tokenSecret, purpose, seed));
  await replaceToken(trx, { user_id, purpose, hash, minutes: LIVES[purpose] });
  return seed;
}
