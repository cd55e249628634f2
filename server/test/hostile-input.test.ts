import { expect, test } from "vitest";
import { startApp, type TestApp } from "./app.ts";
import { GOOD_BODIES, listOperations, makeKnown, type Operation, pathOf, type Schema } from "./operations.ts";

type Body = Record<string, unknown>;
type Hostile = [value: unknown, allowed: number[]];

const JSON_TYPE = { "content-type": "application/json" };
// What no body of ours may carry outside: a driver's words, SQL, our own files.
const INNER_WORDS = /postgres|\bpg\b|\bSQL\b|\bSELECT\b|\bINSERT\b|node_modules|\.ts:\d|constraint/i;
const REFUSED = [400, 422];
/** Stands for a number that JavaScript can't write. */
const RAW = (text: string) => `raw:${text}`;
const NAMES_NOBODY_MAY_SET = ["is_admin", "role", "status", "version", "id", "user_id", "created_at", "password_hash"];
const BAD_IDS = ["0", "-1", "1.5", "abc", "1e3", "0x10", "007", "9007199254740993", "99999999999999999999", "%20"];

function hostileTo(schema: Schema): Hostile[] {
  const types = [schema.type].flat();
  const cases: Hostile[] = [[{ a: 1 }, REFUSED]];
  if (!types.includes("null")) cases.push([null, REFUSED]);
  if (types.includes("string")) {
    cases.push(["a\0b", [400]], ["\ud83d", [400]], ["\ude00x", [400]], [123, REFUSED], [true, REFUSED]);
    if (schema.maxLength !== undefined) cases.push(["x".repeat(schema.maxLength + 1), REFUSED]);
  }
  if (types.includes("integer")) {
    const { minimum = -Infinity, maximum = Infinity } = schema;
    cases.push(["12", REFUSED], [true, REFUSED], [1.5, REFUSED], [[1], REFUSED], [RAW("1e999"), REFUSED]);
    cases.push([RAW("9007199254740993"), REFUSED], [RAW("99999999999999999999"), REFUSED]);
    for (const number of [-1, 2_147_483_648, -2_147_483_649, minimum - 1, maximum + 1]) {
      if (Number.isFinite(number) && (number < minimum || number > maximum)) cases.push([number, REFUSED]);
    }
  }
  if (types.includes("array")) cases.push(["x", REFUSED], [{}, REFUSED]);
  return cases;
}

/** Every body that is good but for one field, for each field down to those inside of lists. */
function* spoilt(schema: Schema, good: Body): Generator<[Body, number[], string]> {
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    for (const [value, allowed] of hostileTo(field)) yield [{ ...good, [name]: value }, allowed, name];
    const { items } = field;
    if (items === undefined) continue;
    for (const [value, allowed] of hostileTo(items)) yield [{ ...good, [name]: [value] }, allowed, `${name}[]`];
    const inner = [good[name]].flat()[0];
    if (typeof inner !== "object" || inner === null) continue;
    for (const [body, allowed, at] of spoilt(items, inner as Body)) {
      yield [{ ...good, [name]: [body] }, allowed, `${name}[].${at}`];
    }
  }
  for (const name of NAMES_NOBODY_MAY_SET) {
    if (schema.properties?.[name] === undefined) yield [{ ...good, [name]: 1 }, [422], name];
  }
}

test("no field of any body takes what it should not, nothing of ours is told, and nothing changes", async () => {
  await using shop = await startApp({ worker: false });
  const { send, known, urlOf } = await setUp(shop);
  const wrong: unknown[] = [];
  let asked = 0;
  for (const operation of (await listOperations(shop)).filter(({ body }) => body !== undefined)) {
    const good = GOOD_BODIES[operation.key]?.(known);
    if (good === undefined || typeof good === "string")
      throw new Error(`${operation.key} has no body in operations.ts`);
    const url = urlOf(operation);
    const before = await send("GET", url);
    for (const [body, allowed, field] of spoilt(operation.body ?? {}, good)) {
      const payload = JSON.stringify(body).replaceAll(/"raw:([^"]+)"/g, "$1");
      const answer = await send(operation.method, url, payload);
      asked += 1;
      if (!allowed.includes(answer.statusCode) || INNER_WORDS.test(answer.body) || !isProblem(answer)) {
        wrong.push([operation.key, field, payload.slice(0, 80), answer.statusCode, answer.body]);
      }
    }
    if (before.statusCode === 200 && operation.method !== "POST") {
      const after = await send("GET", url);
      if (after.body !== before.body) wrong.push([operation.key, before.body, after.body]);
    }
  }
  expect(wrong).toEqual([]);
  expect(asked).toBeGreaterThan(400);
});

test("no parameter of any query and no id takes what it should not", async () => {
  await using shop = await startApp({ worker: false });
  const { send, known, urlOf } = await setUp(shop);
  const wrong: unknown[] = [];
  const check = async ({ method, key }: Operation, url: string, allowed: number[]) => {
    const body = GOOD_BODIES[key]?.(known);
    const answer = await send(method, url, body && JSON.stringify(body));
    if (!allowed.includes(answer.statusCode) || INNER_WORDS.test(answer.body)) {
      wrong.push([key, url.slice(0, 120), answer.statusCode, answer.body]);
    }
  };
  for (const operation of await listOperations(shop)) {
    const url = urlOf(operation);
    const query = operation.parameters.filter((parameter) => parameter.in === "query");
    for (const { name, schema } of query) {
      for (const value of hostileText(schema)) await check(operation, `${url}?${name}=${value}`, REFUSED);
      await check(operation, `${url}?${name}=1&${name}=2`, REFUSED);
      await check(operation, `${url}?${name}[$gt]=1`, [422]);
    }
    if (query.length > 0) await check(operation, `${url}?is_admin=true`, [422]);
    if (!operation.path.includes("{id}")) continue;
    for (const id of BAD_IDS) await check(operation, operation.path.replace("{id}", id), [404]);
    for (const id of ["%00", "1%00", "%ff", "%zz"]) await check(operation, operation.path.replace("{id}", id), [400]);
  }
  expect(wrong).toEqual([]);
});

test("1e3 is a thousand wherever a thousand is allowed", async () => {
  await using shop = await startApp({ worker: false });
  const { send } = await setUp(shop);
  const made = await send("POST", "/api/v2/products", '{"name": "Kettle", "price_cents": 1e3, "stock": 1E3}');
  expect(made.statusCode).toBe(201);
  expect(made.json()).toMatchObject({ price_cents: 1_000, available: 1_000 });
});

function hostileText(schema: Schema): string[] {
  const types = [schema.type].flat();
  const any = ["%00", "%ff", "%ed%a0%80"];
  if (types.includes("integer"))
    return [...any, "-1", "1e3", "1.5", "0x10", "", "true", "99999999999999999999", "%201"];
  if (types.includes("boolean")) return [...any, "1", "yes", "", "TRUE", "null"];
  return [...any, ...(schema.maxLength === undefined ? [] : ["x".repeat(schema.maxLength + 1)])];
}

async function setUp(shop: TestApp) {
  const admin = await shop.signUp("admin");
  const known = await makeKnown(shop, admin);
  const headers = { ...JSON_TYPE, authorization: `Bearer ${admin.token}` };
  const { authorization } = headers;
  return {
    known,
    urlOf: (operation: Operation) => pathOf(operation, known),
    send: (method: Operation["method"], url: string, payload?: string) =>
      shop.app.inject({
        method,
        url,
        ...(payload === undefined ? { headers: { authorization } } : { headers, payload }),
      }),
  };
}

function isProblem({ headers }: { headers: Record<string, unknown> }): boolean {
  return headers["content-type"] === "application/problem+json; charset=utf-8";
}
