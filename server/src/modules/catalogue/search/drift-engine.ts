import Type from "typebox";
import { type Check, NAMED_OFFENDERS } from "#src/platform/database/check.ts";
import type { Db, Trx } from "#src/platform/database/database.ts";
import { type Engine, EngineAway } from "#src/platform/search/engine.ts";
import { readBatch } from "./documents.ts";
import { describe, type Drift, findWaiting } from "./drift-postgres.ts";
import { findIndices, findTargets, type IndexNames, writeLines } from "./elasticsearch-aliases.ts";
import { readerOf } from "./elasticsearch-answer.ts";
import { rebuildEngine } from "./rebuild-engine.ts";

/** Items that are compared at once. */
const PAGE_ROWS = 1_000;
/** An item that was changed a moment ago may be on its way: only what differs at every look has drifted. */
const LOOKS = 3;
const LOOK_AGAIN_MS = 1_000;

/** What an engine's index says must be what the items say: all of them are compared, by their counts and one by one. */
export function engineIndexCheck(work: { db: Db; engine: Engine; names: IndexNames }): Check {
  const { db, engine, names } = work;
  return {
    name: "search: the index in the engine says what the items say",
    // Not on the snapshot of the other checks, which the engine has none of.
    async find() {
      try {
        if ((await findIndices(engine, names)).current === undefined) return ["there is no index"];
        return (await findDrift(work)).slice(0, NAMED_OFFENDERS).map(describe);
      } catch (error) {
        if (error instanceof EngineAway) return [`the engine does not answer: ${error.message}`];
        throw error;
      }
    },
    async repair(trx) {
      if ((await findIndices(engine, names)).current === undefined) {
        const built = await rebuildEngine(engine, names, { db });
        return built === "busy" ? 0 : built;
      }
      return await indexDrifted(trx, work);
    },
  };
}

type Work = Parameters<typeof engineIndexCheck>[0];

async function findDrift(work: Work): Promise<Drift[]> {
  let drifted = await compareAll(work);
  for (let look = 1; look < LOOKS && drifted.length > 0; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    drifted = await compare(
      work,
      drifted.map(({ item_id }) => item_id),
    );
  }
  return drifted;
}

async function compareAll(work: Work): Promise<Drift[]> {
  const drifted: Drift[] = [];
  for (let last = 0; ;) {
    const ids = await idsAfter(work, last);
    if (ids.length === 0) return drifted;
    drifted.push(...(await compare(work, ids)));
    last = ids.at(-1) ?? last;
  }
}

// The next ids that either of the two knows.
async function idsAfter({ db, engine, names }: Work, last: number): Promise<number[]> {
  const rows = await db
    .selectFrom("items")
    .select("id")
    .where("id", ">", last)
    .orderBy("id")
    .limit(PAGE_ROWS)
    .execute();
  const query = { range: { item_id: { gt: last } } };
  const body = { size: PAGE_ROWS, query, sort: ["item_id"], _source: ["item_id"] };
  const found = readIds(await engine.work({ method: "POST", path: `/${names.current}/_search`, body }));
  const ids = [...rows.map(({ id }) => id), ...found.hits.hits.map(({ _source }) => _source.item_id)];
  // Both lists have their first PAGE_ROWS: up to there nothing is missing.
  return [...new Set(ids)].toSorted((one, other) => one - other).slice(0, PAGE_ROWS);
}

const readIds = readerOf(
  Type.Object({
    hits: Type.Object({ hits: Type.Array(Type.Object({ _source: Type.Object({ item_id: Type.Integer() }) })) }),
  }),
);

const Known = Type.Object({
  item_id: Type.Integer(),
  version: Type.Integer(),
  title: Type.String(),
  price_cents: Type.Integer(),
  in_stock: Type.Union([Type.Boolean(), Type.Null()]),
});
const readDocuments = readerOf(
  Type.Object({
    docs: Type.Array(Type.Object({ _id: Type.String(), found: Type.Boolean(), _source: Type.Optional(Known) })),
  }),
);

async function compare({ db, engine, names }: Work, ids: number[]): Promise<Drift[]> {
  const { documents } = await db.transaction().execute((trx) => readBatch(trx, ids));
  const items = new Map(documents.map((document) => [document.item_id, document]));
  // Read behind the items, and by id: that tells of every write at once, and not only after a refresh.
  const body = { ids: ids.map(String) };
  const { docs } = readDocuments(
    await engine.work({ method: "POST", path: `/${names.current}/_mget?_source_excludes=text_*,description`, body }),
  );
  const known = new Map(docs.map((doc) => [Number(doc._id), doc._source]));
  const waiting = new Set(await findWaiting(db, CONSUMERS));
  return ids.flatMap((item_id) => {
    const item = items.get(item_id);
    const doc = known.get(item_id);
    const fields = ["version", "title", "price_cents", "in_stock"] as const;
    const same = item === undefined ? doc === undefined : fields.every((field) => item[field] === doc?.[field]);
    if (same || waiting.has(item_id)) return [];
    return [{ item_id, version: item?.version ?? null, indexed: doc?.version ?? null }];
  });
}

// The consumers that write to the engine.
const CONSUMERS = ["catalogue.index_engine", "catalogue.index_engine_stock"];

async function indexDrifted(trx: Trx, work: Work): Promise<number> {
  const { engine, names } = work;
  const ids = (await findDrift(work)).map(({ item_id }) => item_id);
  const targets = await findTargets(engine, names);
  for (let at = 0; at < ids.length; at += PAGE_ROWS) {
    await writeLines(engine, targets, await readBatch(trx, ids.slice(at, at + PAGE_ROWS)));
  }
  return ids.length;
}
