import type { Cache, Change } from "#src/platform/cache/cache.ts";
import { failpoint } from "#src/platform/faults/failpoint.ts";
import type { Db, Trx } from "./database.ts";
import { isOutdatedPlan } from "./errors.ts";

/** What a transaction needs around it: where it runs, and whom to tell once messages of it are on disk. */
export type TransactContext = {
  db: Db;
  /** Called after a commit with the topics that were published in it; must not throw. */
  wake(topics: ReadonlySet<string>): void;
  /** what has to be told of changes; absent: nothing is cached */
  cache?: Pick<Cache, "changing">;
};

const topicsOf = new WeakMap<Trx, Set<string>>();

/** Notes that a message of this topic was written, so that its consumers are woken once the transaction is committed. */
export function wakeAfterCommit(trx: Trx, topic: string): void {
  const topics = topicsOf.get(trx);
  if (topics === undefined) topicsOf.set(trx, new Set([topic]));
  else topics.add(topic);
}

const changedOf = new WeakMap<Trx, Set<string>>();

/** Notes that this transaction changes what these keys of the cache show; once it is answered, nobody is shown the old. */
export function forgetAtCommit(trx: Trx, keys: string[]): void {
  const known = changedOf.get(trx);
  if (known === undefined) changedOf.set(trx, new Set(keys));
  else for (const key of keys) known.add(key);
}

type LateWrite = (trx: Trx) => Promise<void>;
const lateOf = new WeakMap<Trx, LateWrite[]>();

/** The defect `dual_write`: what belongs into the transaction is written in another one after it, if ever. */
export function writeAfterCommit(trx: Trx, write: LateWrite): void {
  lateOf.set(trx, [...(lateOf.get(trx) ?? []), write]);
}

/** A migration may change several tables, one after the other. */
const ATTEMPTS = 3;

/**
 * Runs a use case in one transaction: all of it is on disk when this resolves, nothing of it when this rejects. When a
 * migration changes a table under it, `work` runs again from the start: it must do everything through its transaction.
 * Lost answers are the exception: when the connection breaks during COMMIT, the outcome is unknown to the caller.
 */
export async function transact<T>(context: TransactContext, work: (trx: Trx) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await transactOnce(context, work);
    } catch (error) {
      if (!isOutdatedPlan(error) || attempt >= ATTEMPTS) throw error;
    }
  }
}

async function transactOnce<T>(context: TransactContext, work: (trx: Trx) => Promise<T>): Promise<T> {
  let topics: ReadonlySet<string> | undefined;
  let late: LateWrite[] = [];
  let change: Change | undefined;
  let result: T;
  try {
    result = await context.db.transaction().execute(async (trx) => {
      const value = await work(trx);
      topics = topicsOf.get(trx);
      late = lateOf.get(trx) ?? [];
      const keys = changedOf.get(trx);
      if (keys !== undefined) change = await context.cache?.changing(trx, keys);
      await failpoint("transaction.before_commit");
      return value;
    });
  } catch (error) {
    await change?.failed();
    throw error;
  }
  await failpoint("transaction.after_commit");
  await change?.committed();
  for (const write of late) await context.db.transaction().execute(write);
  if (topics !== undefined) context.wake(topics);
  return result;
}

/** The defect `ack_before_commit`: tells the outcome before it is on disk. */
export function answerEarly<T>(context: TransactContext, work: (trx: Trx) => Promise<T>): Promise<T> {
  const early = Promise.withResolvers<T>();
  transact(context, async (trx) => {
    const value = await work(trx);
    early.resolve(value);
    return value;
  }).catch(early.reject);
  return early.promise;
}
