import type { Trx } from "#src/platform/database/database.ts";
import type { Message } from "#src/platform/messaging/event.ts";
import { readBatch } from "./documents.ts";
import { takeIndexTurn, writeBatch } from "./postgres-writes.ts";

/**
 * Brings PostgreSQL's index up to date with the items that a batch of messages names. It reads the items as they are and
 * not what the messages tell of them: messages may come late, twice and in any order.
 */
export async function indexItems(trx: Trx, messages: Message<{ item_id: number }>[]): Promise<void> {
  await takeIndexTurn(trx);
  const ids = [...new Set(messages.map(({ payload }) => payload.item_id))];
  await writeBatch(trx, await readBatch(trx, ids));
}
