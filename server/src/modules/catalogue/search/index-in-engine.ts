import type { Work } from "#src/platform/context.ts";
import type { Trx } from "#src/platform/database/database.ts";
import type { Message } from "#src/platform/messaging/event.ts";
import { Postponed } from "#src/platform/messaging/postponed.ts";
import { EngineAway } from "#src/platform/search/engine.ts";
import { readBatch } from "./documents.ts";
import { indexNames } from "./elasticsearch-aliases.ts";
import { createElasticsearchIndex } from "./elasticsearch-index.ts";

/** How long what is to be indexed waits before the engine is asked again. */
const AWAY_PAUSE_MS = 1_000;

/**
 * Brings the engine's index up to date with the items that a batch of messages names, if there is an engine. While it is
 * away the messages wait in the queue, however long: nothing is wrong with them, so no attempt is counted.
 */
export async function indexInEngine(trx: Trx, messages: Message<{ item_id: number }>[], context: Work) {
  const { searchEngine, config } = context;
  if (searchEngine === undefined) return;
  const index = createElasticsearchIndex(searchEngine, indexNames(config.elasticsearchPrefix));
  const ids = [...new Set(messages.map(({ payload }) => payload.item_id))];
  try {
    await index.index(trx, await readBatch(trx, ids));
  } catch (error) {
    if (!(error instanceof EngineAway)) throw error;
    throw new Postponed("the search engine is away", { delayMs: AWAY_PAUSE_MS, cause: error });
  }
}
