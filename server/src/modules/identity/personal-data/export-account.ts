import type { Context, PersonalData } from "#src/platform/context.ts";
import type { User } from "#src/modules/identity/schemas.ts";

/** Rows of one statement; whatever somebody has, the memory holds a page of it. */
const EXPORT_PAGE = 500;

/**
 * All that is held about a user, as JSON in pieces: the account, then each list of each module, read in pages while the
 * client takes them. Not one moment of the database, which would take a connection for as long as a slow client reads.
 */
export async function* exportAccount(context: Context, account: User): AsyncGenerator<string> {
  yield `{"exported_at":${JSON.stringify(new Date().toISOString())},"account":${JSON.stringify(account)}`;
  for (const { lists } of context.personalData) {
    for (const [name, read] of Object.entries(lists)) {
      yield `,${JSON.stringify(name)}:[`;
      yield* pagesOf(context, read, account.id);
      yield "]";
    }
  }
  yield "}\n";
}

async function* pagesOf({ db }: Context, read: PersonalData["lists"][string], user_id: number): AsyncGenerator<string> {
  let after: number | string | undefined;
  for (;;) {
    const rows = await read(db, user_id, { after, limit: EXPORT_PAGE });
    if (rows.length === 0) return;
    yield (after === undefined ? "" : ",") + rows.map((row) => JSON.stringify(row)).join(",");
    if (rows.length < EXPORT_PAGE) return;
    after = rows.at(-1)?.id;
  }
}
