import { tmpdir } from "node:os";
import type pg from "pg";
import type { InjectOptions, LightMyRequestResponse } from "fastify";
import { buildApi, startWorker } from "#src/app.ts";
import { schedules } from "#src/composition.ts";
import { readConfig } from "#src/config.ts";
import { insertUser, updateUser } from "#src/modules/identity/accounts/user-repository.ts";
import { insertSession } from "#src/modules/identity/sessions/session-repository.ts";
import type { Environment } from "#src/settings.ts";
import type { Role } from "#src/permissions.ts";
import type { Context } from "#src/platform/context.ts";
import type { Db } from "#src/platform/database/database.ts";
import type { App } from "#src/platform/http/app.ts";
import { generateKeys } from "#src/platform/security/secrets.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { cloneDatabase } from "./database.ts";
import { until } from "./until.ts";

export type Answer = Pick<LightMyRequestResponse, "statusCode" | "headers"> & { body: Record<string, unknown> };
type Send = (url: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;
/** Somebody who speaks to the API, signed in or not. */
type GetText = (url: string) => Promise<Pick<LightMyRequestResponse, "statusCode" | "headers"> & { text: string }>;
export type Client = { id: number; getText: GetText; get: Send; post: Send; put: Send; patch: Send; delete: Send };

const keys = generateKeys();
/** Of PASSWORD in operations.ts, made once: hashing it for everybody would be most of what the tests do. */
const PASSWORD_HASH =
  "$argon2id$v=19$m=19456,t=2,p=1$jtpaOhFSu32UBQnJ1xzRWQ$BUUGXvGrEvRCiP+53WNoagOpCuthfd0fBBbAx50LtaM";
const POOL = "4";
let people = 0;

/**
 * The whole product in this process on a database of its own: the API (by `inject`, nothing listens) and a worker.
 * @param options.worker `false` leaves the worker out, for what happens before it has worked
 */
export async function startApp(options: { worker?: boolean; env?: Environment } = {}) {
  await using undo = new AsyncDisposableStack();
  const database = undo.use(await cloneDatabase());
  const settings = {
    NODE_ENV: "test",
    DATABASE_URL: database.url,
    DATABASE_POOL: POOL,
    METRICS_PORT: "0",
    // Whoever tries all operations waits for the end of this one.
    ORDER_STREAM_SECONDS: "1",
    ...(await keys),
  };
  const config = readConfig({ LOG_LEVEL: "silent", ...settings, ...options.env }, tmpdir());
  const log = createLog({ logLevel: config.logLevel, process: "test" });
  const api = await buildApi(config, log);
  undo.defer(() => api.close());
  const startTestWorker = async () => {
    const worker = await startWorker(config, log);
    await worker.ready;
    return { [Symbol.asyncDispose]: () => worker.close() };
  };
  if (options.worker !== false) undo.use(await startTestWorker());
  const { app, context, pool } = api;
  const statements = countStatements(pool);
  const kept = undo.move();

  return {
    app,
    context,
    db: context.db,
    url: database.url,
    config,
    anonymous: clientOf(app, 0, {}),
    /** A new account with a live session; its password is PASSWORD, without the cost of hashing it. */
    signUp: (role: Role = "customer") => signUp(app, context, role),
    startWorker: startTestWorker,
    /** Statements that the API has sent so far, inside of transactions too, BEGIN and COMMIT included, NOTIFY not. */
    statements,
    drained: () => drained(context.db),
    /** Does what workers do at the times of this schedule, now. */
    runSchedule: (name: string) => runSchedule(context, name),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

function countStatements(pool: pg.Pool): () => number {
  let count = 0;
  pool.on("connect", (client) => {
    const send = client.query.bind(client) as (...args: unknown[]) => unknown;
    const counted = (...args: unknown[]): unknown => {
      const [query] = args as [string | { text?: string }];
      const text = typeof query === "string" ? query : query.text;
      // Wake-ups for what was written before come at a time of their own, and belong to no request.
      if (text?.includes("pg_notify") !== true) count += 1;
      return send(...args);
    };
    Object.assign(client, { query: counted });
  });
  return () => count;
}

export type TestApp = Awaited<ReturnType<typeof startApp>>;

async function signUp(app: App, context: Context, role: Role): Promise<Client & { token: string; email: string }> {
  people += 1;
  const person = { email: `person-${people}@example.org`, full_name: `Person ${people}`, password_hash: PASSWORD_HASH };
  const { id } = await context.db.transaction().execute(async (trx) => {
    const user = await insertUser(trx, person);
    return role === "customer" ? user : await updateUser(trx, user.id, { role });
  });
  const session_id = await insertSession(context.db, { user_id: id, user_agent: null, days: 1 });
  const { access_token: token } = await context.tokens.issue({ user_id: id, session_id });
  return { ...clientOf(app, id, { authorization: `Bearer ${token}` }), token, email: person.email };
}

export function clientOf(app: App, id: number, own: Record<string, string>): Client {
  const send =
    (method: NonNullable<InjectOptions["method"]>): Send =>
    async (url, body, headers = {}) => {
      const payload = body === undefined ? {} : { payload: body as object };
      const response = await app.inject({ method, url, headers: { ...own, ...headers }, ...payload });
      const json = response.headers["content-type"]?.includes("json") === true && response.body !== "";
      return { statusCode: response.statusCode, headers: response.headers, body: json ? response.json() : {} };
    };
  const getText: GetText = async (url) => {
    const { statusCode, headers, body } = await app.inject({ method: "GET", url, headers: own });
    return { statusCode, headers, text: body };
  };
  return {
    id,
    getText,
    get: send("GET"),
    post: send("POST"),
    put: send("PUT"),
    patch: send("PATCH"),
    delete: send("DELETE"),
  };
}

async function runSchedule(context: Context, name: string): Promise<void> {
  const schedule = schedules.find((one) => one.name === name);
  if (schedule === undefined) throw new Error(`there is no schedule ${name}`);
  await schedule.run(context, { moment: new Date(), stopping: new AbortController().signal });
}

/** Resolves when no delivery is open; rejects after the deadline and lists what is left. */
async function drained(db: Db): Promise<void> {
  const open = () =>
    db
      .selectFrom("deliveries")
      .select(["message_id", "consumer", "attempts", "due_at"])
      .where("handled_at", "is", null)
      .where("dead_at", "is", null)
      .limit(20)
      .execute();
  await until(async () => (await open()).length === 0, open);
}
