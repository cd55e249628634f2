import type { DbOrTrx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";

const WAITING = `
  SELECT DISTINCT o.payload FROM deliveries d JOIN outbox o ON o.id = d.message_id
  WHERE d.consumer = ANY($1::text[]) AND d.handled_at IS NULL AND d.dead_at IS NULL`;

/** What the messages say that these consumers have yet to handle: for a check that is not to call late what is under way. */
export async function listWaiting<Payload>(db: DbOrTrx, consumers: string[]): Promise<Payload[]> {
  const rows = await named<{ payload: Payload }>(db, "messages_waiting", WAITING, [consumers]);
  return rows.map((row) => row.payload);
}
