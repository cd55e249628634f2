import Type from "typebox";
import { type BulkLine, type Engine, EngineAway, EngineRefusal } from "#src/platform/search/engine.ts";
import { readBulk, readerOf } from "./elasticsearch-answer.ts";
import { engineDocumentOf, PLAIN_INDEX, STEMMING_INDEX } from "./elasticsearch-mapping.ts";
import type { IndexBatch } from "./search-index.ts";

/**
 * The two names behind which indices are built and exchanged. `current` is searched. `next` is the index that is built
 * anew, and the current one as long as none is. Writers write to both: so what changes while an index is built is in it
 * when it becomes the current one. Neither name is ever missing once there was an index, so no write falls between them.
 */
export type IndexNames = { current: string; next: string };

export function indexNames(prefix: string): IndexNames {
  return { current: `${prefix}-items`, next: `${prefix}-items-next` };
}

const readAliases = readerOf(
  Type.Record(Type.String(), Type.Object({ aliases: Type.Record(Type.String(), Type.Unknown()) })),
);

/** Which index is behind each of the names; undefined: none is. */
export async function findIndices(
  engine: Engine,
  names: IndexNames,
): Promise<{ current: string | undefined; next: string | undefined; all: string[] }> {
  const path = `/${names.current}-*/_alias`;
  const found = readAliases((await engine.work({ method: "GET", path })) ?? {});
  const indices = Object.entries(found);
  const behind = (alias: string) => indices.find(([, { aliases }]) => alias in aliases)?.[0];
  const own = new RegExp(`^${names.current}-\\d+$`);
  const all = indices.map(([index]) => index).filter((index) => own.test(index));
  return { current: behind(names.current), next: behind(names.next), all };
}

/** The names that a write has to go to: both, or one when the same index is behind them. */
export async function findTargets(engine: Engine, names: IndexNames): Promise<string[]> {
  const { current, next } = await findIndices(engine, names);
  if (current === undefined && next === undefined) return [];
  if (current === next || next === undefined) return [names.current];
  return current === undefined ? [names.next] : [names.current, names.next];
}

/** Makes an empty index that is written to from now on, and not searched yet. @returns its name */
export async function createNext(engine: Engine, names: IndexNames): Promise<string> {
  const index = `${names.current}-${Date.now()}`;
  const create = (body: object) => engine.work({ method: "PUT", path: `/${index}`, body });
  try {
    await create(STEMMING_INDEX);
  } catch (error) {
    // An engine without its analysis module does not know the stemmer, and refuses the whole index.
    if (!(error instanceof EngineRefusal) || error.status !== 400) throw error;
    await create(PLAIN_INDEX);
  }
  await moveAlias(engine, names.next, index);
  return index;
}

/** Makes what was built the one that is searched, in one step, and removes all others. */
export async function makeCurrent(engine: Engine, names: IndexNames, index: string): Promise<void> {
  await engine.work({ method: "POST", path: `/${index}/_refresh` });
  await moveAlias(engine, names.current, index);
  await removeOthers(engine, names, [index]);
}

/** Removes indices of earlier builds, whole or begun, except these. */
export async function removeOthers(engine: Engine, names: IndexNames, kept: (string | undefined)[]): Promise<void> {
  const { all } = await findIndices(engine, names);
  for (const index of all) {
    if (!kept.includes(index)) await engine.work({ method: "DELETE", path: `/${index}` });
  }
}

/** Takes back what a build has begun. */
export async function dropNext(engine: Engine, names: IndexNames): Promise<void> {
  const { current } = await findIndices(engine, names);
  if (current !== undefined) await moveAlias(engine, names.next, current);
  await removeOthers(engine, names, [current]);
}

// One request, and so one step for everybody who searches or writes.
async function moveAlias(engine: Engine, alias: string, index: string): Promise<void> {
  const actions = [
    { remove: { index: `${index.replace(/\d+$/, "")}*`, alias, must_exist: false } },
    { add: { index, alias } },
  ];
  await engine.work({ method: "POST", path: "/_aliases", body: { actions } });
}

/** Writes a batch to these names. @throws EngineAway; Error when the engine refuses a document for itself */
export async function writeLines(engine: Engine, targets: string[], batch: IndexBatch): Promise<void> {
  const lines = targets.flatMap((target) => linesOf(target, batch));
  if (lines.length > 0) judge(readBulk(await engine.bulk(lines)));
}

function linesOf(alias: string, { revision, documents, gone }: IndexBatch): BulkLine[] {
  const indexed_at = new Date().toISOString();
  // The revision lets the engine refuse what is older than what it has. Without `require_alias` a name that is not there
  // would come into being as an index that nobody has described.
  const target = { _index: alias, version: revision, version_type: "external", require_alias: true };
  return [
    ...documents.map((document) => ({
      action: { index: { ...target, _id: String(document.item_id) } },
      document: engineDocumentOf(document, indexed_at),
    })),
    ...gone.map((id) => ({ action: { delete: { ...target, _id: String(id) } } })),
  ];
}

const FIRST_FAILURE = 300;
const TOO_MANY_REQUESTS = 429;
const FIRST_FAULT = 500;
const OLDER_THAN_KNOWN = 409;
const NOT_THERE = 404;

/** Each line is done, or not needed: the engine has something newer, or has not got what should go. */
function judge({ items }: ReturnType<typeof readBulk>): void {
  const failed = items
    .flatMap((item) => Object.entries(item))
    .filter(([action, { status, error }]) => {
      const isGone = action === "delete" && status === NOT_THERE && error === undefined;
      return status >= FIRST_FAILURE && status !== OLDER_THAN_KNOWN && !isGone;
    });
  const [first] = failed;
  if (first === undefined) return;
  const [action, { _id, status, error }] = first;
  const what = `${failed.length} writes failed, first to ${action} ${_id}: ${status} ${error?.type}: ${error?.reason}`;
  const passes = status >= FIRST_FAULT || status === TOO_MANY_REQUESTS || error?.type === "index_not_found_exception";
  throw passes ? new EngineAway(what) : new Error(what);
}
