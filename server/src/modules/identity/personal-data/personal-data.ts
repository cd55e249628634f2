import type { PersonalData } from "#src/platform/context.ts";
import { anonymise, deleteSessions, listAudit, listSessions } from "./personal-data-repository.ts";
import { deleteTokens } from "#src/modules/identity/one-time-tokens/token-repository.ts";

/** The account itself stands at the head of an export. The audit log stays: it names an id that is nobody's any more. */
export const identityData: PersonalData = {
  lists: { sessions: listSessions, audit_log: listAudit },
  async forget(trx, user_id) {
    await anonymise(trx, user_id);
    await deleteTokens(trx, user_id);
    await deleteSessions(trx, user_id);
  },
};
