import type { Db } from "#src/platform/database/database.ts";
import { type Engine, EngineAway } from "#src/platform/search/engine.ts";
import { readBatchAfter } from "./documents.ts";
import {
  createNext,
  dropNext,
  type IndexNames,
  makeCurrent,
  removeOthers,
  findIndices,
  writeLines,
} from "./elasticsearch-aliases.ts";
import { inBuildersTurn } from "./rebuild-turn.ts";

/** Items that are read and sent at once. */
const PAGE_ROWS = 500;
/** A page that the engine could not take is sent again, after a pause; then the build is given up. */
const PAGE_ATTEMPTS = 20;
const PAGE_PAUSE_MS = 1_000;

export type Rebuild = {
  db: Db;
  /** aborted: what was begun is taken back, and the index that was there stays */
  signal?: AbortSignal;
  /** after each page, with how many items are in the new index so far */
  onProgress?: (indexed: number) => void;
};

/**
 * Builds the engine's index anew beside the one that is searched, and then puts it in its place, in one step. What changes
 * meanwhile is written to both of them. A build that was killed leaves an index that the next one removes.
 * @returns how many items it has, or "busy": somebody else is building
 */
export async function rebuildEngine(engine: Engine, names: IndexNames, build: Rebuild): Promise<number | "busy"> {
  return await inBuildersTurn(build.db, async () => {
    const { current } = await findIndices(engine, names);
    await removeOthers(engine, names, [current]);
    const index = await createNext(engine, names);
    try {
      const indexed = await fill(engine, names, build);
      await makeCurrent(engine, names, index);
      return indexed;
    } catch (error) {
      // When even this fails the next build removes it.
      await dropNext(engine, names).catch(() => undefined);
      throw error;
    }
  });
}

async function fill(engine: Engine, names: IndexNames, { db, signal, onProgress }: Rebuild): Promise<number> {
  let indexed = 0;
  let last = 0;
  for (;;) {
    signal?.throwIfAborted();
    const after = last;
    const batch = await db.transaction().execute((trx) => readBatchAfter(trx, after, PAGE_ROWS));
    const end = batch.documents.at(-1);
    if (end === undefined) return indexed;
    await insist(() => writeLines(engine, [names.next], batch), signal);
    last = end.item_id;
    indexed += batch.documents.length;
    onProgress?.(indexed);
  }
}

async function insist(write: () => Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await write();
    } catch (error) {
      if (!(error instanceof EngineAway) || attempt >= PAGE_ATTEMPTS) throw error;
      await new Promise((resolve) => setTimeout(resolve, PAGE_PAUSE_MS));
      signal?.throwIfAborted();
    }
  }
}
