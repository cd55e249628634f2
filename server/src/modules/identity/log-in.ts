import type { Context } from "#src/platform/context.ts";
import { normaliseEmail } from "./email.ts";
import { badCredentials } from "./errors.ts";
import { findCredentials } from "./repository.ts";
import type { AccessToken } from "./schemas.ts";
import { insertSession } from "./session-repository.ts";

/** A session ends after this time even when it is used every day. */
const SESSION_DAYS = 30;
const MAX_USER_AGENT_LENGTH = 300;

/**
 * Opens a session and gives its access token.
 * @throws badCredentials (401) alike for a wrong password, an unknown name and a disabled account, in the same time
 */
export async function logIn(
  context: Context,
  input: { email: string; password: string; user_agent: string | undefined },
): Promise<AccessToken> {
  const user = await findCredentials(context.db, normaliseEmail(input.email));
  const matches = await context.passwords.verify(user?.password_hash, input.password.normalize("NFKC"));
  if (user === undefined || !matches) throw badCredentials();
  const user_agent = input.user_agent?.slice(0, MAX_USER_AGENT_LENGTH) ?? null;
  const session_id = await insertSession(context.db, { user_id: user.id, user_agent, days: SESSION_DAYS });
  return { ...(await context.tokens.issue({ user_id: user.id, session_id })), token_type: "bearer" };
}
