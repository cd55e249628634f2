import type { Context } from "#src/platform/context.ts";
import { violates } from "#src/platform/database/errors.ts";
import { transact } from "#src/platform/database/transact.ts";
import { normaliseEmail } from "./email.ts";
import { emailTaken } from "./errors.ts";
import { insertUser } from "./repository.ts";
import type { User } from "./schemas.ts";

/** Opens an account. The password is hashed before anything is looked up: a taken address takes as long as a free one. */
export async function registerUser(
  context: Context,
  input: { email: string; password: string; full_name: string },
): Promise<User> {
  const password_hash = await context.passwords.hash(input.password.normalize("NFKC"));
  try {
    const user = { email: normaliseEmail(input.email), full_name: input.full_name, password_hash };
    return await transact(context, (trx) => insertUser(trx, user));
  } catch (error) {
    if (violates(error, "users_email_unique")) throw emailTaken();
    throw error;
  }
}
