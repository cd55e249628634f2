import { type Engine, EngineAway } from "#src/platform/search/engine.ts";
import type { Log } from "#src/platform/telemetry/log.ts";
import type { SearchIndex } from "./search-index.ts";

/**
 * Asks one index, and another one when the first can't answer. Both are kept up to date at all times, so the second
 * knows as much; results say which of them they are of.
 */
export function createFallbackIndex(options: {
  first: SearchIndex;
  second: SearchIndex;
  counts: Engine["counts"];
  log: Log;
}): SearchIndex {
  const { first, second, counts, log } = options;
  const ask = async <T>(question: (index: SearchIndex) => Promise<T>): Promise<T> => {
    try {
      const answer = await question(first);
      counts.engine += 1;
      return answer;
    } catch (error) {
      // An engine that is away is the breaker's to tell, once; a refusal is a mistake in what we asked.
      if (!(error instanceof EngineAway)) log.error({ err: error, engine: first.engine }, "a search was refused");
      counts.fallback += 1;
      return await question(second);
    }
  };
  return {
    engine: first.engine,
    search: (query) => ask((index) => index.search(query)),
    correct: (words) => ask((index) => index.correct(words)),
    suggest: (text, limit) => ask((index) => index.suggest(text, limit)),
    async index(trx, batch) {
      await second.index(trx, batch);
      await first.index(trx, batch);
    },
  };
}
