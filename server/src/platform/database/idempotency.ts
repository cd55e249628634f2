import { createHash } from "node:crypto";
import type { PersonalData } from "#src/platform/context.ts";
import { isMutant } from "#src/platform/faults/mutant.ts";
import { problem } from "#src/platform/http/problem.ts";
import type { Trx } from "./database.ts";
import { named } from "./statement.ts";
import { type TransactContext, transact } from "./transact.ts";

/** One use of an `Idempotency-Key`; the same key of another user or on another route is another key. */
export type KeyUse = { user_id: number; route: string; key: string; fingerprint: string };

/** What a client was told: enough to tell it again. */
export type Answer<Body> = { status: number; location?: string; body: Body; replayed?: boolean };

/** What a key says: go on, answer as before, or refuse. */
export type Claim<Body> = "fresh" | "running" | "other_body" | Answer<Body>;

export const IDEMPOTENCY_KEY_HOURS = 24;
const RETRY_AFTER_SECONDS = 1;

export const keyInUse = problem("request.idempotency_key_in_use", 409, "A request with this key is still running");
export const keyReused = problem("request.idempotency_key_reused", 422, "This key belongs to another request body");

/** A body's fingerprint: SHA-256 of what it says, in the order in which it says it; spacing does not count. */
export function fingerprintOf(body: unknown): string {
  return createHash("sha256")
    .update(JSON.stringify(body ?? null))
    .digest("base64url");
}

/**
 * Runs a creating use case once per key: the effect, the key and the answer are committed together.
 * Without a key it just runs. Only what `work` returns is stored; what it throws leaves no key behind.
 * @throws keyInUse (409) while another request holds the key, keyReused (422) when its body was another one
 */
export async function answerOnce<Body>(
  context: TransactContext,
  use: KeyUse | undefined,
  work: (trx: Trx) => Promise<Answer<Body>>,
): Promise<Answer<Body>> {
  return await transact(context, async (trx) => {
    if (use === undefined) return await work(trx);
    const [claim = "fresh"] = await claimKeys<Body>(trx, [use]);
    const earlier = answerOf(claim);
    if (earlier !== undefined) return earlier;
    const answer = await work(trx);
    await storeAnswers(trx, [{ use, answer }]);
    return answer;
  });
}

/** Turns a claim into the answer to give, or undefined when the work is still to be done. */
export function answerOf<Body>(claim: Claim<Body>): Answer<Body> | undefined {
  if (claim === "fresh") return undefined;
  if (claim === "running") throw keyInUse({ headers: { "retry-after": String(RETRY_AFTER_SECONDS) } });
  if (claim === "other_body") throw keyReused();
  return claim;
}

/** Stored answers are copies for a day of what is told elsewhere; they say what their user has written. */
export const idempotencyData: PersonalData = {
  lists: {},
  async forget(trx, user_id) {
    await trx.deleteFrom("idempotency_keys").where("user_id", "=", user_id).execute();
  },
};

type StoredAnswer = { status: number; location: string | null; body: unknown; fingerprint: string };
type ClaimRow = { ord: number; locked: boolean } & (StoredAnswer | { [K in keyof StoredAnswer]: null });

/**
 * Claims keys for the running transaction, each with its own outcome, in the order given.
 * Advisory locks and not rows: a row could only be seen by others after the commit, and they would have to wait for it.
 * The lookup is a statement of its own, after the lock: its snapshot must see what the previous holder committed.
 */
export async function claimKeys<Body>(trx: Trx, uses: KeyUse[]): Promise<Claim<Body>[]> {
  if (isMutant("no_idempotency")) return uses.map(() => "fresh");
  const columns = [uses.map((use) => use.user_id), uses.map((use) => use.route), uses.map((use) => use.key)];
  const locks = await named<{ locked: boolean }>(trx, "idempotency_lock", LOCK_KEYS, columns);
  const rows = await named<ClaimRow>(trx, "idempotency_find", FIND_KEYS, [...columns, IDEMPOTENCY_KEY_HOURS]);
  return uses.map((use, index) => {
    if (locks[index]?.locked !== true) return "running";
    const row = rows[index];
    if (row === undefined || row.fingerprint === null) return "fresh";
    if (row.fingerprint !== use.fingerprint) return "other_body";
    const answer: Answer<Body> = { status: row.status, body: row.body as Body, replayed: true };
    return row.location === null ? answer : { ...answer, location: row.location };
  });
}

/** Stores what the requests of these keys are answered, in the transaction that did the work. */
export async function storeAnswers(trx: Trx, answers: { use: KeyUse; answer: Answer<unknown> }[]): Promise<void> {
  if (answers.length === 0) return;
  await named(trx, "idempotency_store", STORE_ANSWERS, [
    answers.map(({ use }) => use.user_id),
    answers.map(({ use }) => use.route),
    answers.map(({ use }) => use.key),
    answers.map(({ use }) => use.fingerprint),
    answers.map(({ answer }) => answer.status),
    answers.map(({ answer }) => answer.location ?? null),
    answers.map(({ answer }) => JSON.stringify(answer.body)),
  ]);
}

const LOCK_KEYS = `
  SELECT pg_try_advisory_xact_lock(hashtextextended(concat_ws('|', k.user_id, k.route, k.key), 0)) AS locked
  FROM unnest($1::bigint[], $2::text[], $3::text[]) WITH ORDINALITY AS k (user_id, route, key, ord)
  ORDER BY k.ord`;

const FIND_KEYS = `
  SELECT s.fingerprint, s.status, s.location, s.body
  FROM unnest($1::bigint[], $2::text[], $3::text[]) WITH ORDINALITY AS k (user_id, route, key, ord)
  LEFT JOIN idempotency_keys s ON s.user_id = k.user_id AND s.route = k.route AND s.key = k.key
    AND s.created_at > now() - make_interval(hours => $4)
  ORDER BY k.ord`;

const STORE_ANSWERS = `
  INSERT INTO idempotency_keys (user_id, route, key, fingerprint, status, location, body)
  SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::int[], $6::text[], $7::jsonb[])
  ON CONFLICT (user_id, route, key) DO UPDATE SET fingerprint = excluded.fingerprint, status = excluded.status,
    location = excluded.location, body = excluded.body, created_at = now()`;
