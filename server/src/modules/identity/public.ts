import type { DbOrTrx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";

export type Person = { id: number; full_name: string };

/** The names of these users, in one statement however many there are; who does not exist is missing in the map. */
export async function listPeople(db: DbOrTrx, ids: number[]): Promise<Map<number, Person>> {
  if (ids.length === 0) return new Map();
  const text = "SELECT id, full_name FROM users WHERE id = ANY($1::bigint[])";
  const rows = await named<Person>(db, "users_names", text, [[...new Set(ids)]]);
  return new Map(rows.map((row) => [row.id, row]));
}
