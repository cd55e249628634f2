import type { FastifyRequest } from "fastify";
import type { Db, DbOrTrx, Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import type { User } from "#src/platform/http/app.ts";
import { type AuditAction, callerOf, recordAudit } from "./audit/audit.ts";
import { normaliseEmail } from "./accounts/email.ts";
import { listRecipients } from "./passwords/password-repository.ts";
import { findLiveSessions } from "./sessions/session-repository.ts";

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

/**
 * Writes into the audit log what the signed-in user of a request does to the machinery, in the transaction that does it.
 * @param act.details ids, numbers and words of our own, never what a client has written
 */
export async function recordAct(
  db: DbOrTrx,
  request: FastifyRequest,
  act: { action: AuditAction; details: Record<string, string | number | boolean> },
): Promise<void> {
  await recordAudit(db, callerOf(request), { ...act, user_id: null });
}

/**
 * Where mails to these users go, by their ids; who may not act or is gone is missing in the map. The accounts are held
 * until the transaction ends: a mail to one that is deleted meanwhile would stay behind.
 */
export async function listMailAddresses(trx: Trx, ids: number[]): Promise<Map<number, string>> {
  return new Map((await listRecipients(trx, [...new Set(ids)])).map(({ id, email }) => [id, email]));
}

/** Who is behind these sessions, by their ids, as of now; one that is over or revoked is missing in the map. */
export async function findLiveUsers(db: Db, session_ids: string[]): Promise<Map<string, User>> {
  const rows = await findLiveSessions(db, [...new Set(session_ids)]);
  return new Map(rows.map(({ id, user_id, role }) => [id, { id: user_id, role, session_id: id }]));
}
