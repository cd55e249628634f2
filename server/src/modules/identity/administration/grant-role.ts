import type { Role } from "#src/permissions.ts";
import type { Db } from "#src/platform/database/database.ts";
import { newOrigin } from "#src/platform/telemetry/origin.ts";
import { administerUser } from "./administer-user.ts";
import { normaliseEmail } from "#src/modules/identity/accounts/email.ts";
import { findUserIdByEmail } from "#src/modules/identity/accounts/user-repository.ts";
import type { Account } from "#src/modules/identity/schemas.ts";

/**
 * Gives an account a role, as an operator does from the command line; the way to the first admin.
 * @returns undefined when nobody has this address
 * @throws lastAdmin (409) where nobody would be left to administer
 */
export async function grantRole(db: Db, email: string, role: Role): Promise<Account | undefined> {
  const id = await findUserIdByEmail(db, normaliseEmail(email));
  if (id === undefined) return undefined;
  const { correlation_id } = newOrigin();
  const operator = { correlation_id, address: null, user_agent: null, user_id: null };
  const { account } = await db.transaction().execute((trx) => administerUser(trx, operator, { id, role }));
  return account;
}
