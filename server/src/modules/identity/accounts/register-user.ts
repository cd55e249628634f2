import type { Context } from "#src/platform/context.ts";
import { violates } from "#src/platform/database/errors.ts";
import { transact } from "#src/platform/database/transact.ts";
import { publish } from "#src/platform/messaging/publish.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { type Caller, recordAudit } from "#src/modules/identity/audit/audit.ts";
import { acceptEmail } from "./email.ts";
import { emailTaken } from "#src/modules/identity/errors.ts";
import { userRegistered } from "#src/modules/identity/events.ts";
import { acceptPassword } from "#src/modules/identity/passwords/new-password.ts";
import { insertUser } from "./user-repository.ts";
import type { User } from "#src/modules/identity/schemas.ts";

/**
 * Opens an account. The password is hashed before anything is looked up: a taken address takes as long as a free one.
 * @throws invalid (422) for an address or a password that we don't take, emailTaken (409)
 */
export async function registerUser(
  context: Context,
  { caller, origin }: { caller: Caller; origin: Origin },
  input: { email: string; password: string; full_name: string },
): Promise<User> {
  const email = acceptEmail(input.email, "email");
  const password_hash = await context.passwords.hash(acceptPassword(input.password, "password", email));
  try {
    return await transact(context, async (trx) => {
      const user = await insertUser(trx, { email, full_name: input.full_name, password_hash });
      await recordAudit(trx, caller, { action: "account.opened", user_id: user.id });
      await publish(trx, userRegistered, [{ origin, payload: { user_id: user.id } }]);
      return user;
    });
  } catch (error) {
    if (violates(error, "users_email_unique")) throw emailTaken();
    throw error;
  }
}
