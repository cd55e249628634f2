import { expect, test } from "vitest";
import type { Db } from "#src/platform/database/database.ts";
import { figure } from "./faults/database/figure.ts";
import { startService } from "./faults/database/service-process.ts";
import { count, expectStatus, NOISE, type Send, sender, signIn, startStage } from "./talkative-shop.ts";
import { findTraces, holds } from "./traces.ts";

type Person = { email: string; password: string; full_name: string };

const CONFIRM = "/api/v1/auth/password-reset/confirm";
const TEST_MS = 60_000;
const FEWEST_COLUMNS = 60;

test(
  "no password, token or cookie is in a log, a metric or a row, whatever was done with them and whatever failed",
  { timeout: TEST_MS },
  async () => {
    await using stage = await startStage();
    const planted = secretWords();
    const secret = (name: string) => planted.make(name);
    const { send, db } = stage;
    const ann = { email: "ann@example.org", password: secret("registered"), full_name: "Ann" };
    const credentials = { email: ann.email, password: ann.password };
    await expectStatus(201, send("POST", "/api/v1/users/register", ann));
    await failInEveryWay(send, secret, ann);

    const first = await expectStatus(200, send("POST", "/api/v1/users/login", credentials));
    const second = await expectStatus(200, send("POST", "/api/v1/auth/refresh", undefined, { cookie: first.cookie }));
    const bearer = { authorization: `Bearer ${String(second.body["access_token"])}` };
    const [changes, confirm] = ["/api/v1/users/me/password", CONFIRM];
    await send("POST", changes, { current_password: secret("not current"), new_password: secret("not taken") }, bearer);
    const changed = { current_password: ann.password, new_password: secret("changed") };
    await expectStatus(204, send("POST", changes, changed, bearer));
    await expectStatus(202, send("POST", "/api/v1/auth/password-reset", { email: ann.email }));
    const mailed = await tokensIn(stage, ann.email);
    const newest = mailed["password_reset"] ?? "";
    expect(Object.keys(mailed).toSorted()).toEqual(["password_reset", "verify_email"]);
    await expectStatus(422, send("POST", confirm, { token: newest, new_password: "password" }));
    await expectStatus(204, send("POST", confirm, { token: newest, new_password: secret("new") }));
    await expectStatus(422, send("POST", confirm, { token: newest, new_password: secret("again") }));

    await stage.breaking("full_name = 'Cara'", async () => {
      const cara = { email: "cara@example.org", password: secret("driver"), full_name: "Cara" };
      await expectStatus(500, send("POST", "/api/v1/users/register", cara));
    });
    await using stumbling = await startService("api", {
      databaseUrl: stage.url,
      env: { ...NOISE, FAULTS: "transaction.before_commit=throw" },
    });
    const sendThere = sender(stumbling.url);
    const dora = { email: "dora@example.org", password: secret("failpoint"), full_name: "Dora" };
    await expectStatus(500, sendThere("POST", "/api/v1/users/register", dora));
    await expectStatus(500, sendThere("POST", "/api/v1/users/login", { ...credentials, password: planted.of("new") }));

    const handedOut = [first, second].flatMap(({ body, cookie }) => [String(body["access_token"]), valueOf(cookie)]);
    const words = [...planted.words(), ...handedOut, ...Object.values(mailed)];
    const { found, columns, rows } = await findTraces(stage.url, words);
    const said = [...(await stage.said()), ["another API", stumbling.output()] as const];
    const heard = said.flatMap(([who, text]) =>
      words.filter((word) => holds(text, word)).map((word) => `${who}: ${word}`),
    );
    expect([found, heard]).toEqual([[], []]);
    expect(columns).toBeGreaterThan(FEWEST_COLUMNS);
    expect(said.every(([, text]) => text.length > 200)).toBe(true);
    expect(await count(db, "audit_log")).toBeGreaterThan(5);
    expect(await count(db, "delivery_failures")).toBeGreaterThan(0);
    figure(`${words.length} secrets in ${columns} columns, ${rows} values, logs at trace and metrics: 0 found`);
  },
);

test("a deleted account is in no row any more, and never was in a log", { timeout: TEST_MS }, async () => {
  await using stage = await startStage();
  const { send, db } = stage;
  const agent = "CanaryAgent/1 (of Ann)";
  const address = "198.51.100.77";
  const person = { email: "canary.mail@example.org", password: "correct horse battery", full_name: "Canaryname Ann" };
  const from = { "user-agent": agent, "x-forwarded-for": address };
  const { body: user } = await expectStatus(201, send("POST", "/api/v1/users/register", person, from));
  const wrong = { email: person.email, password: "canarypassword wrong" };
  await expectStatus(401, send("POST", "/api/v1/users/login", wrong, from));
  const credentials = { email: person.email.toUpperCase(), password: person.password };
  const { body: token, cookie } = await expectStatus(200, send("POST", "/api/v1/users/login", credentials, from));
  const own = { ...from, authorization: `Bearer ${String(token["access_token"])}` };
  await expectStatus(200, send("PATCH", "/api/v1/users/me", { full_name: "Canaryname Bell" }, own));
  await stage.breaking("full_name = 'Canaryname Broken'", async () => {
    await expectStatus(500, send("PATCH", "/api/v1/users/me", { full_name: "Canaryname Broken" }, own));
  });
  const item = { title: "Canarytitle", description: "Canarytext", tags: ["canarytag"], category: "canarycategory" };
  await expectStatus(201, send("POST", "/api/v1/items", item, { ...own, "idempotency-key": "canarykey" }));
  const product = await stage.stock();
  const line = { items: [{ product_id: product, quantity: 1 }] };
  const placed = await expectStatus(
    202,
    send("POST", "/api/v2/orders", line, { ...own, "idempotency-key": "canaryorder" }),
  );
  await expectStatus(202, send("POST", "/api/v1/auth/password-reset", { email: person.email }, from));
  await stage.drained();
  const words = ["canary", address, person.email, "Bell"];
  const before = await findTraces(stage.url, words);
  const places = new Set(before.found.map((find) => find.split(":", 1)[0]));
  for (const place of [
    "users.email",
    "users.full_name",
    "sessions.user_agent",
    "sessions.address",
    "items.title",
    "mails.recipient",
    "idempotency_keys.key",
    "idempotency_keys.body",
  ])
    expect(places).toContain(place);

  const gone = await expectStatus(204, send("DELETE", "/api/v1/users/me", undefined, { ...own, cookie }));
  expect(gone.cookie).toMatch(/^__Host-rt=; Max-Age=0/);
  await stage.drained();
  const { found, columns, rows } = await findTraces(stage.url, words);
  expect(found).toEqual([]);
  const heard = (await stage.said()).filter(([, text]) => words.some((word) => holds(text, word)));
  expect(heard.map(([who]) => who)).toEqual([]);
  expect(columns).toBeGreaterThan(FEWEST_COLUMNS);

  await expectStatus(401, send("GET", "/api/v1/users/me", undefined, own));
  await expectStatus(401, send("POST", "/api/v1/auth/refresh", undefined, { cookie }));
  await expectStatus(401, send("POST", "/api/v1/users/login", credentials));
  const keys = db.selectFrom("users").select("audit_key").where("id", "=", Number(user["id"]));
  expect(await keys.execute()).toEqual([{ audit_key: null }]);
  const orders = db.selectFrom("orders").select(["user_id", "status"]).where("id", "=", Number(placed.body["id"]));
  expect(await orders.execute()).toEqual([{ user_id: user["id"], status: "reserved" }]);
  const { body: anew } = await expectStatus(201, send("POST", "/api/v1/users/register", person));
  expect(anew["id"]).not.toBe(user["id"]);
  figure(`a deleted account in ${columns} columns, ${rows} values: 0 found, ${before.found.length} before`);
});

/** Secrets where they belong and where they don't, none of which opens anything. */
async function failInEveryWay(send: Send, secret: (name: string) => string, ann: Person): Promise<void> {
  const credentials = { email: ann.email, password: ann.password };
  await expectStatus(409, send("POST", "/api/v1/users/register", { ...ann, password: secret("taken") }));
  await expectStatus(422, send("POST", "/api/v1/users/register", { ...ann, password: secret("long").repeat(9) }));
  await expectStatus(422, send("POST", "/api/v1/users/register", { ...ann, [secret("field")]: secret("extra") }));
  await expectStatus(422, send("POST", "/api/v1/users/register", { ...ann, password: [secret("listed")] }));
  await expectStatus(401, send("POST", "/api/v1/users/login", { ...credentials, password: secret("wrong") }));
  await expectStatus(401, send("POST", "/api/v1/users/login", { email: "x@y.org", password: secret("unknown") }));
  await expectStatus(
    422,
    send("POST", "/api/v1/users/login", { email: secret("misplaced").repeat(20), password: "x" }),
  );
  const form = new URLSearchParams({ username: ann.email, password: secret("form") }).toString();
  await expectStatus(401, send("POST", "/api/v1/auth/login/access-token", form));
  for (const text of [`{"password":"${secret("broken")}"`, `{"password":"${secret("nul")}\\u0000"}`, secret("bare")]) {
    const answer = await send("POST", "/api/v1/users/login", text, { "content-type": "application/json" });
    expect([answer.status, holds(answer.text, "canary")]).toEqual([400, false]);
  }
  await misplace(send, secret, credentials);
}

async function misplace(send: Send, secret: (name: string) => string, credentials: object): Promise<void> {
  await send("POST", `/api/v1/users/login?password=${secret("query")}`, credentials);
  await send("GET", `/api/v1/users/me?access_token=${secret("parameter")}`);
  await send("GET", `/reset-password/${secret("path").repeat(3)}`);
  const odd = { "x-password": secret("header"), authorization: `Basic ${btoa(`ann:${secret("basic")}`)}` };
  await expectStatus(401, send("GET", "/api/v1/users/me", undefined, odd));
  await expectStatus(401, send("GET", "/api/v1/users/me", undefined, { authorization: `Bearer ${secret("bearer")}` }));
  await expectStatus(401, send("POST", "/api/v1/auth/refresh", undefined, { cookie: `__Host-rt=${secret("cookie")}` }));
  await expectStatus(422, send("POST", "/api/v1/auth/verify-email", { token: secret("verification") }));
  await expectStatus(422, send("POST", CONFIRM, { token: secret("reset"), new_password: secret("reset to") }));
}

/** Words that no text has by chance. A password may hold them: they are long, and none is common. */
function secretWords() {
  const known = new Map<string, string>();
  return {
    make(name: string): string {
      const word = `canary${Math.random().toString(36).slice(2, 12)}${known.size}`;
      known.set(name, word);
      return word;
    },
    of: (name: string) => known.get(name) ?? "",
    words: () => [...known.values()],
  };
}

/** The tokens in the mails to an address, by the kind of the mail. */
async function tokensIn(
  stage: { send: Send; db: Db; drained(): Promise<unknown> },
  recipient: string,
): Promise<Record<string, string>> {
  await stage.drained();
  const staff = await signIn(stage, "staff");
  const query = new URLSearchParams({ recipient }).toString();
  const { body } = await stage.send("GET", `/api/v1/operations/mails?${query}`, undefined, staff);
  const mails = (body["data"] as { kind: string; text: string }[]).map(
    ({ kind, text }) => [kind, /#token=([\w-]{43})$/m.exec(text)?.[1]] as const,
  );
  return Object.fromEntries(mails.flatMap(([kind, token]) => (token === undefined ? [] : [[kind, token]])));
}

function valueOf(cookie: string): string {
  return cookie.replace(/^[^=]*=/, "");
}
