import type { Config } from "#src/config.ts";
import { indexNames } from "#src/modules/catalogue/search/elasticsearch-aliases.ts";
import { type Rebuild, rebuildEngine } from "#src/modules/catalogue/search/rebuild-engine.ts";
import { rebuildPostgres } from "#src/modules/catalogue/search/rebuild-postgres.ts";
import { createDatabase, type Db } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { mistake } from "#src/platform/mistake.ts";
import { EngineAway, openEngine } from "#src/platform/search/engine.ts";
import { createLog, type Log } from "#src/platform/telemetry/log.ts";
import { withDatabase } from "./database.ts";
import { loadConfig } from "./environment.ts";
import { startProgress } from "./progress.ts";

type Index = { name: string; rebuild(build: Rebuild): Promise<number | "busy"> };

/**
 * Writes the search index anew from the items: PostgreSQL's, and that of the engine, where one is configured. Searches
 * are answered meanwhile; Ctrl-C leaves an index that is as good as before.
 */
export async function reindex(): Promise<void> {
  const config = loadConfig();
  await withDatabase(config, async (url) => {
    const log = createLog({ logLevel: "silent", process: "reindex" });
    // The session that holds the turn, and one that reads.
    const db = createDatabase(createPool({ url, max: 2, work: "job", name: "reindex", log }));
    const stopping = new AbortController();
    const stop = () => stopping.abort(mistake("stopped; the index that was there still answers"));
    process.once("SIGINT", stop).once("SIGTERM", stop);
    try {
      await rebuildAll(db, indexesOf(config, log), stopping.signal);
    } finally {
      process.off("SIGINT", stop).off("SIGTERM", stop);
      await db.destroy();
    }
  });
}

async function rebuildAll(db: Db, indexes: Index[], signal: AbortSignal): Promise<void> {
  for (const { name, rebuild } of indexes) {
    const { total } = await db
      .selectFrom("items")
      .select((rows) => rows.fn.countAll<number>().as("total"))
      .where("status", "=", "active")
      .executeTakeFirstOrThrow();
    const progress = startProgress("items", total);
    const indexed = await rebuild({ db, signal, onProgress: (done) => progress.note(done) });
    if (indexed === "busy") throw mistake("somebody else is building a search index: wait until that is done");
    progress.end(`${name}: ${indexed} items`);
  }
}

function indexesOf(config: Config, log: Log): Index[] {
  const postgres = { name: "PostgreSQL", rebuild: rebuildPostgres };
  const { search, elasticsearchUrl: url, elasticsearchPrefix } = config;
  if (search === "postgres" || url === undefined) return [postgres];
  const rebuild: Index["rebuild"] = async (build) => {
    const engine = openEngine({ url, log });
    try {
      return await rebuildEngine(engine, indexNames(elasticsearchPrefix), build);
    } catch (error) {
      if (error instanceof EngineAway) throw mistake(`the search engine does not answer: ${error.message}`, error);
      throw error;
    } finally {
      engine.close();
    }
  };
  return [postgres, { name: "search engine", rebuild }];
}
