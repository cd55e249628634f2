import type { Context } from "#src/platform/context.ts";
import { type Engine, EngineAway } from "#src/platform/search/engine.ts";
import { findIndices, indexNames } from "./elasticsearch-aliases.ts";
import { rebuildEngine } from "./rebuild-engine.ts";

/** Between looks whether the engine has our index. */
const LOOK_EVERY_MS = 2_000;

/**
 * Builds the index in an engine that has none: the first time, and when the engine has lost its data. Until it is built
 * PostgreSQL answers, so nobody sees it half done.
 */
export function keepBuilt(context: Context): { stop(): Promise<void> } {
  const { searchEngine } = context;
  if (searchEngine === undefined) return { stop: async () => undefined };
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let pass = Promise.resolve();
  const look = (): void => {
    pass = buildWhereNone(context, searchEngine, stopping.signal)
      .catch((error: unknown) => report(context, error, stopping.signal))
      .finally(() => {
        if (!stopping.signal.aborted) timer = setTimeout(look, LOOK_EVERY_MS);
      });
  };
  look();
  return {
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await pass;
    },
  };
}

async function buildWhereNone(context: Context, engine: Engine, signal: AbortSignal): Promise<void> {
  const names = indexNames(context.config.elasticsearchPrefix);
  const { current } = await findIndices(engine, names);
  if (current !== undefined) return;
  const indexed = await rebuildEngine(engine, names, { db: context.db, signal });
  if (indexed !== "busy") context.log.info({ indexed }, "the search engine had no index; it has one now");
}

function report({ log }: Context, error: unknown, signal: AbortSignal): void {
  // That the engine is away the breaker tells, once.
  if (error instanceof EngineAway || signal.aborted) return;
  log.error({ err: error }, "the search engine has no index, and it could not be built");
}
