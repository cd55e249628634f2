import type { Context } from "#src/platform/context.ts";
import { transact } from "#src/platform/database/transact.ts";
import type { Caller } from "#src/modules/identity/audit/audit.ts";
import { normaliseEmail } from "#src/modules/identity/accounts/email.ts";
import { badCredentials } from "#src/modules/identity/errors.ts";
import { openSession } from "#src/modules/identity/sessions/open-session.ts";
import type { RefreshCookie } from "#src/modules/identity/sessions/refresh-cookie.ts";
import { findCredentials } from "#src/modules/identity/accounts/user-repository.ts";
import { tellRevoked } from "#src/modules/identity/sessions/revoke-sessions.ts";
import type { AccessToken } from "#src/modules/identity/schemas.ts";
import { hashAgain, upgradePassword } from "#src/modules/identity/passwords/upgrade-password.ts";

/** An account may change while its password is verified: then it is verified again. */
const ATTEMPTS = 3;

export type LoggedIn = { token: AccessToken; cookie: RefreshCookie };

/**
 * Opens a session and gives its tokens.
 * @param input.refresh_token of the session that the client had before, which is closed
 * @throws badCredentials (401) alike for a wrong password, an unknown name and a disabled account, in the same time
 */
export async function logIn(
  context: Context,
  caller: Caller,
  input: { email: string; password: string; refresh_token: string | undefined },
): Promise<LoggedIn> {
  const email = normaliseEmail(input.email);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const user = await findCredentials(context.db, email);
    const { matches, isOutdated } = await context.passwords.examine(user?.password_hash, input.password);
    if (user === undefined || !matches) throw badCredentials();
    const stronger = isOutdated ? await hashAgain(context, input.password) : undefined;
    const opened = await transact(context, async (trx) => {
      const session = await openSession(trx, caller, user, input.refresh_token);
      if (session !== undefined && stronger !== undefined) await upgradePassword(trx, caller, user.id, stronger);
      return session;
    });
    if (opened === undefined) continue;
    await tellRevoked(context, opened.closed);
    const token = await context.tokens.issue({ user_id: user.id, session_id: opened.session_id });
    return { token: { ...token, token_type: "bearer" }, cookie: opened.cookie };
  }
  throw badCredentials();
}
