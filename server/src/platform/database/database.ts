import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type Transaction,
} from "kysely";
import type pg from "pg";
import { leavesSessionUsable } from "./errors.ts";
import type { Tables } from "./tables.gen.ts";

export type Db = Kysely<Tables>;
export type Trx = Transaction<Tables>;
/** Either: for repository functions that read inside and outside of a transaction. */
export type DbOrTrx = Db | Trx;

/** Wraps a pool in Kysely with a driver of our own: it can run named statements and never hands back a broken session. */
export function createDatabase(pool: pg.Pool): Db {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => createDriver(pool),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

type Connection = DatabaseConnection & { release(): void; readonly broken: boolean };

function createDriver(pool: pg.Pool): Driver {
  return {
    init: async () => undefined,
    acquireConnection: async () => connectionOf(await pool.connect()),
    beginTransaction: async (connection) => void (await connection.executeQuery(raw("BEGIN"))),
    commitTransaction: async (connection) => {
      const result: QueryResult<unknown> & { command?: string } = await connection.executeQuery(raw("COMMIT"));
      // PostgreSQL answers COMMIT with ROLLBACK when an error inside was swallowed: nothing was written.
      if (result.command === "ROLLBACK") throw new Error("the transaction was rolled back instead of committed");
    },
    rollbackTransaction: async (connection) => {
      if (!(connection as Connection).broken) await connection.executeQuery(raw("ROLLBACK"));
    },
    releaseConnection: async (connection) => (connection as Connection).release(),
    destroy: async () => {
      if (!pool.ended) await pool.end();
    },
  };
}

function connectionOf(client: pg.PoolClient): Connection {
  let broken = false;
  return {
    get broken() {
      return broken;
    },
    // A session that timed out or lost its answer is out of step: the next user would read somebody else's rows.
    release: () => client.release(broken),
    async executeQuery<Row>(query: CompiledQuery & { name?: string }): Promise<QueryResult<Row>> {
      try {
        const values = query.parameters as unknown[];
        const config = query.name === undefined ? { text: query.sql } : { name: query.name, text: query.sql };
        const result = await client.query<Row & pg.QueryResultRow>(values.length > 0 ? { ...config, values } : config);
        const changed = { numAffectedRows: BigInt(result.rowCount ?? 0), command: result.command };
        return { rows: result.rows, ...changed };
      } catch (error) {
        broken ||= !leavesSessionUsable(error);
        throw error;
      }
    },
    // oxlint-disable-next-line require-yield -- the interface wants a generator; streaming is not offered
    async *streamQuery() {
      throw new Error("streaming is not supported: read pages by keyset instead");
    },
  };
}

function raw(text: string): CompiledQuery {
  return {
    sql: text,
    parameters: [],
    query: { kind: "RawNode", sqlFragments: [text], parameters: [] },
    queryId: QUERY_ID,
  };
}
const QUERY_ID = { queryId: "control" };
