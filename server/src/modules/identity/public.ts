import type { DbOrTrx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import { normaliseEmail } from "./email.ts";

export type Person = { id: number; full_name: string };

/** The names of these users, in one statement however many there are; who does not exist is missing in the map. */
export async function listPeople(db: DbOrTrx, ids: number[]): Promise<Map<number, Person>> {
  if (ids.length === 0) return new Map();
  const text = "SELECT id, full_name FROM users WHERE id = ANY($1::bigint[])";
  const rows = await named<Person>(db, "users_names", text, [[...new Set(ids)]]);
  return new Map(rows.map((row) => [row.id, row]));
}

/** The id of the account with this address, undefined when there is none. */
export async function findOwner(db: DbOrTrx, email: string): Promise<number | undefined> {
  const text = "SELECT id FROM users WHERE email = $1 AND status = 'active'";
  return (await named<{ id: number }>(db, "users_by_email", text, [normaliseEmail(email)]))[0]?.id;
}
