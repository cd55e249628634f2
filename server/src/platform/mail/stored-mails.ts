import { type Insertable, sql } from "kysely";
import type { PersonalData } from "#src/platform/context.ts";
import type { DbOrTrx, Trx } from "#src/platform/database/database.ts";
import type { JourneyEntry, ReadJourney } from "#src/platform/journey.ts";
import { named } from "#src/platform/database/statement.ts";
import type { Sweep } from "#src/platform/database/sweep.ts";
import type { Tables } from "#src/platform/database/tables.gen.ts";

/** A mail is shown this long; what it told of is in the audit log. */
const MAIL_DAYS = 30;

const COLUMNS = ["id", "kind", "recipient", "params", "correlation_id", "created_at", "sent_at"] as const;

export type StoredMail = {
  id: number;
  kind: string;
  recipient: string;
  params: unknown;
  correlation_id: string;
  created_at: string;
  sent_at: string | null;
};

/** All mails, for a list of them. */
export function selectMails(db: DbOrTrx) {
  return db.selectFrom("mails").select(COLUMNS);
}

export async function findMail(db: DbOrTrx, id: number): Promise<StoredMail | undefined> {
  return await selectMails(db).where("id", "=", id).executeTakeFirst();
}

/** @returns their ids, in the same order */
export async function insertMails(trx: Trx, mails: Insertable<Tables["mails"]>[]): Promise<number[]> {
  return (await trx.insertInto("mails").values(mails).returning("id").execute()).map(({ id }) => id);
}

export async function markSent(trx: Trx, ids: number[]): Promise<void> {
  await trx
    .updateTable("mails")
    .set({ sent_at: sql`coalesce(sent_at, now())` })
    .where("id", "in", ids)
    .execute();
}

export const mailData: PersonalData = {
  lists: {
    // Not what they say: a link in one must open nothing for who has got hold of an export.
    mails: async (db, user_id, { after = 0, limit }) =>
      await db
        .selectFrom("mails")
        .select(["id", "kind", "recipient", "correlation_id", "created_at", "sent_at"])
        .where("user_id", "=", user_id)
        .where("id", ">", Number(after))
        .orderBy("id")
        .limit(limit)
        .execute(),
  },
  /** What is still to be sent is not sent any more. */
  async forget(trx, user_id) {
    await trx.deleteFrom("mails").where("user_id", "=", user_id).execute();
  },
};

/** Mails by their kind: to whom, the list of mails says. */
export const mailJourney: ReadJourney = async (db, correlation_id, limit) => {
  const rows = await db
    .selectFrom("mails")
    .select(["id", "kind", "created_at", "sent_at"])
    .where("correlation_id", "=", correlation_id)
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.flatMap(({ id: mail_id, kind, created_at, sent_at }) => {
    const tell = (occurred_at: string, state: string): JourneyEntry => {
      return { occurred_at, kind: "mail", what: `mail ${kind}: ${state}`, details: { mail_id, kind, state } };
    };
    return [tell(created_at, "queued"), ...(sent_at === null ? [] : [tell(sent_at, "sent")])];
  });
};

const SWEEP_MAILS = `
  DELETE FROM mails WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM mails WHERE created_at < now() - make_interval(days => $1)
    LIMIT $2 FOR UPDATE SKIP LOCKED)) RETURNING 1`;

export const mailSweeps: Sweep[] = [
  {
    name: "mails",
    deleteBatch: async (db, limit) => (await named(db, "sweep_mails", SWEEP_MAILS, [MAIL_DAYS, limit])).length,
  },
];
