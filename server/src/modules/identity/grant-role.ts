import type { Db } from "#src/platform/database/database.ts";
import type { Role } from "#src/permissions.ts";
import { normaliseEmail } from "./email.ts";
import { findUserIdByEmail, updateUser } from "./repository.ts";
import type { User } from "./schemas.ts";

/** Gives an account a role; the way to the first admin. @returns undefined when nobody has this address */
export async function grantRole(db: Db, email: string, role: Role): Promise<User | undefined> {
  const id = await findUserIdByEmail(db, normaliseEmail(email));
  return id === undefined ? undefined : await updateUser(db, id, { role });
}
