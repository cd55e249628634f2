import type pg from "pg";
import { keepListening, type Listening } from "#src/platform/database/listening.ts";
import type { Trx } from "#src/platform/database/database.ts";
import { named } from "#src/platform/database/statement.ts";
import type { Log } from "#src/platform/telemetry/log.ts";

const CHANNEL = "shopfloor_cache_epoch";
const RETRY_MS = 500;

/** Grows with every change of it; part of every key in Redis. */
export type Epoch = { number: number; name: string };

export type Epochs = {
  /** The epoch to read in; undefined while it is not known for sure. Begins to listen when it is first asked. */
  current(): Epoch | undefined;
  /** the newest one that this process has heard of */
  latest(): Epoch | undefined;
  /** as it is in the database, in this transaction or outside of any */
  read(trx?: Trx): Promise<Epoch>;
  /** Begins a new one in a transaction, with its commit; `adopt` it then. */
  raise(trx: Trx): Promise<Epoch>;
  adopt(epoch: Epoch): void;
  /** Begins a new one as soon as the database lets us; until then nothing is read. */
  begin(): void;
  close(): Promise<void>;
};

/** What a key is called in this epoch. Braces put all that belongs to it into one slot of a cluster. */
export function nameOf(key: string, epoch: Epoch): string {
  return `shopfloor:cache:{${key}@${epoch.name}}`;
}

type Row = { epoch: number | string; nonce: string };

/**
 * The epoch lies in PostgreSQL, where the truth lies: it can be raised in the transaction of a change that Redis could
 * not be told of, and every process hears of it by NOTIFY. What Redis still has of an older epoch nobody asks for.
 */
export function createEpochs(options: { pool: pg.Pool; url: string; log: Log }): Epochs {
  let latest: Epoch | undefined;
  let listening: Listening | undefined;
  let begun = true;
  let retry: NodeJS.Timeout | undefined;
  let closed = false;

  function adopt(epoch: Epoch): void {
    if (latest === undefined || epoch.number > latest.number) latest = epoch;
  }

  async function tryToBegin(): Promise<void> {
    try {
      const { rows } = await options.pool.query<Row>({ name: "cache_epoch_begin", text: RAISE, values: [CHANNEL] });
      adopt(epochOf(rows[0]));
      begun = true;
    } catch (error) {
      options.log.debug({ err: error }, "a new epoch of the cache could not be begun; trying again");
      if (!closed) retry = setTimeout(() => void tryToBegin(), RETRY_MS);
    }
  }

  function listen(): Listening {
    return keepListening({
      ...options,
      channel: CHANNEL,
      onPayload: (payload) => {
        const [number, nonce = ""] = payload.split(" ");
        adopt(epochOf({ epoch: number ?? "", nonce }));
      },
      onConnected: async (ask) => adopt(epochOf((await ask(READ)).rows[0] as Row | undefined)),
    });
  }

  return {
    current() {
      listening ??= listen();
      return begun && listening.ask() !== undefined ? latest : undefined;
    },
    latest: () => latest,
    async read(trx) {
      if (trx !== undefined) return epochOf((await named<Row>(trx, "cache_epoch", READ, []))[0]);
      return epochOf((await options.pool.query<Row>({ name: "cache_epoch_read", text: READ })).rows[0]);
    },
    raise: async (trx) => epochOf((await named<Row>(trx, "cache_epoch_raise", RAISE, [CHANNEL]))[0]),
    adopt,
    begin() {
      begun = false;
      clearTimeout(retry);
      void tryToBegin();
    },
    async close() {
      closed = true;
      clearTimeout(retry);
      await listening?.close();
    },
  };
}

const READ = "SELECT epoch, nonce FROM cache_epoch";
const RAISE = `
  WITH raised AS (UPDATE cache_epoch SET epoch = epoch + 1, nonce = gen_random_uuid() RETURNING epoch, nonce)
  SELECT epoch, nonce, pg_notify($1, epoch || ' ' || nonce) AS told FROM raised`;

function epochOf(row: Row | undefined): Epoch {
  if (row === undefined) throw new Error("the table cache_epoch has lost its row");
  return { number: Number(row.epoch), name: `${row.epoch}.${row.nonce}` };
}
