import { sql } from "kysely";
import { expect } from "vitest";
import { createDatabase, type Db } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { createLog } from "#src/platform/telemetry/log.ts";
import { cloneDatabase } from "./database.ts";
import { startService } from "./faults/database/service-process.ts";
import { until } from "./until.ts";

export type Sent = { status: number; text: string; body: Record<string, unknown>; cookie: string };
export type Send = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Sent>;

/** Everything is said, and who a client is comes from the header in which a proxy would say it. */
export const NOISE = { LOG_LEVEL: "trace", TRUSTED_PROXIES: "loopback" };

/** An API and a worker as processes of their own, as talkative as they can be, on a database of their own. */
export async function startStage() {
  await using undo = new AsyncDisposableStack();
  const database = undo.use(await cloneDatabase());
  const settings = { databaseUrl: database.url, env: NOISE };
  const worker = undo.use(
    await startService("worker", { ...settings, env: { ...NOISE, FAULTS: "worker.before_handled=throw@1" } }),
  );
  const api = undo.use(await startService("api", settings));
  const log = createLog({ logLevel: "silent", process: "test" });
  const db = createDatabase(createPool({ url: database.url, max: 2, work: "job", name: "stage", log }));
  undo.defer(() => db.destroy());
  await until(async () => (await count(db, "subscriptions")) > 0);
  const send = sender(api.url);
  const kept = undo.move();
  return {
    url: database.url,
    db,
    send,
    drained: () =>
      until(
        async () => (await open(db)) === 0,
        () => open(db),
      ),
    /** Makes the table of users refuse what the condition says, with an error in which PostgreSQL quotes the row. */
    async breaking(condition: string, act: () => Promise<void>) {
      await sql.raw(`ALTER TABLE users ADD CONSTRAINT planted CHECK (NOT (${condition})) NOT VALID`).execute(db);
      await act();
      await sql.raw("ALTER TABLE users DROP CONSTRAINT planted").execute(db);
    },
    /** A product of somebody else's with some stock. */
    stock: () => stock(db, send),
    /** Whatever the two processes have said, and their metrics. */
    async said(): Promise<(readonly [string, string])[]> {
      const metrics = await Promise.all(
        [api, worker].map(async ({ url }) => await (await fetch(`${url}/metrics`)).text()),
      );
      // The log is written in the background: wait for the line of this request.
      const last = await fetch(`${api.url}/api/v1/health`, { headers: { "x-correlation-id": "the-last-line" } });
      await last.text();
      await until(() => api.output().includes("the-last-line"));
      return [
        ["the API", api.output()],
        ["the worker", worker.output()],
        ["the API's metrics", metrics[0] ?? ""],
        ["the worker's metrics", metrics[1] ?? ""],
      ];
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

export function sender(url: string): Send {
  return async (method, path, body, headers = {}) => {
    const type = typeof body === "string" ? "application/x-www-form-urlencoded" : "application/json";
    const payload = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
    const typed = body === undefined ? {} : { "content-type": type };
    const response = await fetch(`${url}${path}`, { method, headers: { ...typed, ...headers }, ...payload });
    const text = await response.text();
    const json = response.headers.get("content-type")?.includes("json") === true;
    const [cookie = ""] = response.headers.getSetCookie();
    const parsed = json && text !== "" ? (JSON.parse(text) as Record<string, unknown>) : {};
    return { status: response.status, text, body: parsed, cookie: cookie.replace(/; (?!Max-Age=0).*$/s, "") };
  };
}

export async function expectStatus(status: number, sent: Promise<Sent>): Promise<Sent> {
  const answer = await sent;
  expect([answer.status, answer.text]).toEqual([status, answer.text]);
  return answer;
}

export async function signIn(
  { send, db }: { send: Send; db: Db },
  role: "staff" | "admin",
): Promise<Record<string, string>> {
  const known = { email: `${role}@example.org`, password: "correct horse battery" };
  const { body } = await send("POST", "/api/v1/users/register", { ...known, full_name: "Somebody" });
  await db.updateTable("users").set({ role }).where("id", "=", Number(body["id"])).execute();
  const { body: token } = await expectStatus(200, send("POST", "/api/v1/users/login", known));
  return { authorization: `Bearer ${String(token["access_token"])}` };
}

async function stock(db: Db, send: Send): Promise<number> {
  const staff = await signIn({ send, db }, "staff");
  const product = { name: "Kettle", price_cents: 100, stock: 5 };
  return Number((await expectStatus(201, send("POST", "/api/v2/products", product, staff))).body["id"]);
}

export async function count(db: Db, table: "audit_log" | "delivery_failures" | "subscriptions"): Promise<number> {
  return (await db.selectFrom(table).selectAll().execute()).length;
}

async function open(db: Db): Promise<number> {
  const deliveries = db.selectFrom("deliveries").select("message_id").where("handled_at", "is", null);
  return (await deliveries.where("dead_at", "is", null).execute()).length;
}
