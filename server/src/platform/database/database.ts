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
import { isOutdatedPlan, leavesSessionUsable } from "./errors.ts";
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

type Connection = DatabaseConnection & { release(): void; readonly broken: boolean; inTransaction: boolean };
/** Part of the name of every prepared statement: the next generation is prepared afresh, in all sessions. */
type Plans = { generation: number };

/** So many migrations may change a table under one statement before it is given up. */
const PLAN_ATTEMPTS = 3;

function createDriver(pool: pg.Pool): Driver {
  const plans: Plans = { generation: 0 };
  return {
    init: async () => undefined,
    acquireConnection: async () => connectionOf(await pool.connect(), plans),
    beginTransaction: async (connection) => {
      (connection as Connection).inTransaction = true;
      await connection.executeQuery(raw("BEGIN"));
    },
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

function connectionOf(client: pg.PoolClient, plans: Plans): Connection {
  let broken = false;
  return {
    inTransaction: false,
    get broken() {
      return broken;
    },
    // A session that timed out or lost its answer is out of step: the next user would read somebody else's rows.
    release: () => client.release(broken),
    async executeQuery<Row>(query: NamedQuery): Promise<QueryResult<Row>> {
      for (let attempt = 1; ; attempt += 1) {
        const { generation } = plans;
        try {
          return await run<Row>(client, query, generation);
        } catch (error) {
          broken ||= !leavesSessionUsable(error);
          if (!isOutdatedPlan(error)) throw error;
          if (plans.generation === generation) plans.generation += 1;
          // Inside a transaction all that went before is lost too: `transact` begins again.
          if (this.inTransaction || attempt >= PLAN_ATTEMPTS) throw error;
        }
      }
    },
    // oxlint-disable-next-line require-yield -- the interface wants a generator; streaming is not offered
    async *streamQuery() {
      throw new Error("streaming is not supported: read pages by keyset instead");
    },
  };
}

type NamedQuery = CompiledQuery & { name?: string };

async function run<Row>(client: pg.PoolClient, query: NamedQuery, generation: number): Promise<QueryResult<Row>> {
  const values = query.parameters as unknown[];
  const text = query.sql;
  const config = query.name === undefined ? { text } : { name: `${query.name}_${generation}`, text };
  const result = await client.query<Row & pg.QueryResultRow>(values.length > 0 ? { ...config, values } : config);
  const changed = { numAffectedRows: BigInt(result.rowCount ?? 0), command: result.command };
  return { rows: result.rows, ...changed };
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
