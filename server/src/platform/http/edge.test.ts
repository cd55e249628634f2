import type { InjectOptions } from "fastify";
import { expect, test } from "vitest";
import { type Edge, startEdge } from "#test/edge.ts";

const PATH = "/api/v1/things";
const JSON_TYPE = { "content-type": "application/json" };
const CUSTOMER = { authorization: "Bearer customer" };

type Answer = { status: number; body: Record<string, unknown>; headers: Record<string, unknown> };

async function ask(edge: Edge, request: InjectOptions): Promise<Answer> {
  const answer = await edge.app.inject(request);
  const isJson = String(answer.headers["content-type"]).includes("json");
  return { status: answer.statusCode, body: isJson ? answer.json() : {}, headers: answer.headers };
}

const post = (payload: string | Buffer, headers: Record<string, string> = JSON_TYPE): InjectOptions => ({
  method: "POST",
  url: PATH,
  headers,
  payload,
});
const deep = (levels: number) => `${"[".repeat(levels)}1${"]".repeat(levels)}`;

const UNREADABLE: [string, InjectOptions][] = [
  ["broken JSON", post('{"title": ')],
  ["an empty body that is said to be JSON", post("")],
  ["a NUL written as an escape", post(String.raw`{"title": "a\u0000b"}`)],
  ["a NUL written as a byte", post('{"title": "a\0b"}')],
  ["a NUL in a name", post(String.raw`{"ti\u0000tle": "x"}`)],
  ["half of a surrogate pair", post(String.raw`{"title": "\ud83d"}`)],
  ["the wrong half of a surrogate pair", post(String.raw`{"title": "x\uDE00"}`)],
  ["bytes that are not UTF-8", post(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))],
  ["33 levels", post(deep(33))],
  ["30,000 levels", post(deep(30_000))],
  ["__proto__", post('{"title": "x", "__proto__": {"admin": true}}')],
  ["__proto__ in disguise", post(String.raw`{"title": "x", "\u005f_proto__": {"admin": true}}`)],
  ["constructor", post('{"constructor": {"prototype": {"admin": true}}}')],
  ["a NUL in the query", { url: `${PATH}?sort=%00` }],
  ["a NUL in the path", { url: `${PATH}/1%00` }],
  ["a query that is not UTF-8", { url: `${PATH}?sort=%ff` }],
  ["a path that is not UTF-8", { url: `${PATH}/%c3%28` }],
  ["half of a percent sign", { url: `${PATH}?sort=%4` }],
];

test.each(UNREADABLE)("%s is answered 400", async (_name, request) => {
  await using edge = await startEdge();
  const answer = await ask(edge, request);
  expect(answer.status).toBe(400);
  expect(answer.body["code"]).toBe("request.malformed");
});

const WRONG: [string, InjectOptions, string[]][] = [
  ["text for a number", post('{"title": "x", "quantity": "12"}'), ["quantity"]],
  ["a number for text", post('{"title": 123}'), ["title"]],
  ["true for text", post('{"title": true}'), ["title"]],
  ["a negative price", post('{"title": "x", "price_cents": -1}'), ["price_cents"]],
  ["half of a cent", post('{"title": "x", "price_cents": 1.5}'), ["price_cents"]],
  ["more cents than there are", post('{"title": "x", "price_cents": 1000000000001}'), ["price_cents"]],
  ["a number beyond all numbers", post('{"title": "x", "quantity": 1e999}'), ["quantity"]],
  ["a number beyond int4", post('{"title": "x", "quantity": 2147483648}'), ["quantity"]],
  ["an unknown field", post('{"title": "x", "is_admin": true}'), ["is_admin"]],
  ["nothing where something is required", post("{}"), ["title"]],
  ["several mistakes at once", post('{"quantity": 0, "status": 1}'), ["quantity", "status", "title"]],
  [
    "a mistake inside a list",
    post('{"title": "x", "lines": [{"product_id": 1}, {"product_id": 0}]}'),
    ["lines[1].product_id"],
  ],
  ["a list that is too long", post('{"title": "x", "lines": [1, 2, 3, 4]}'), ["lines"]],
  ["null for a body", post("null"), [""]],
  ["no body at all", { method: "POST", url: PATH }, [""]],
  ["a negative limit", { url: `${PATH}?limit=-1` }, ["limit"]],
  ["a huge limit", { url: `${PATH}?limit=1000000000` }, ["limit"]],
  ["a limit in hexadecimal", { url: `${PATH}?limit=0x10` }, ["limit"]],
  ["a limit with a blank", { url: `${PATH}?limit=%2010` }, ["limit"]],
  ["an empty limit", { url: `${PATH}?limit=` }, ["limit"]],
  ["a limit twice", { url: `${PATH}?limit=1&limit=2` }, ["limit"]],
  ["a skip beyond int8", { url: `${PATH}?skip=99999999999999999999` }, ["skip"]],
  ["an unknown parameter", { url: `${PATH}?nope=1` }, ["nope"]],
  ["a sort by an unknown column", { url: `${PATH}?sort=password` }, ["sort"]],
];

test.each(WRONG)("%s is answered 422 and told where", async (_name, request, paths) => {
  await using edge = await startEdge();
  const answer = await ask(edge, request);
  expect(answer.status).toBe(422);
  const errors = answer.body["errors"] as { path: string; message: string }[];
  expect(errors.map(({ path }) => path).toSorted()).toEqual(paths);
});

test.each([
  "0",
  "-1",
  "abc",
  "1.5",
  "0x10",
  "1e3",
  "007",
  "9007199254740993",
  "99999999999999999999",
  `1${"0".repeat(200)}`,
])("the id %s names nothing: 404", async (id) => {
  await using edge = await startEdge();
  const answer = await ask(edge, { url: `${PATH}/${id}` });
  expect(answer.status).toBe(404);
  expect(answer.body["code"]).toBe("request.not_found");
});

test("numbers in a query are read, 1e3 in a body is 1000, 32 levels are not too deep", async () => {
  await using edge = await startEdge();
  const list = await ask(edge, { url: `${PATH}?limit=5&in_stock=true` });
  expect(list.body["query"]).toEqual({ skip: 0, limit: 5, in_stock: true });
  expect((await ask(edge, post('{"title": "\\ud83d\\ude00", "quantity": 1e3}'))).body).toEqual({
    title: "😀",
    quantity: 1000,
  });
  expect((await ask(edge, post(deep(32)))).status).toBe(422);
});

test("a backslash before u0000 is text, not a NUL; the words constructor and __proto__ may be values", async () => {
  await using edge = await startEdge();
  const answer = await ask(edge, post(String.raw`{"title": "\\u0000 constructor __proto__"}`));
  expect(answer.body).toEqual({ title: String.raw`\u0000 constructor __proto__` });
});

test("a thousand poisoned bodies leave Object.prototype as it was", async () => {
  await using edge = await startEdge();
  const before = Object.getOwnPropertyNames(Object.prototype);
  const poison = ['{"__proto__":{"polluted":1}}', '{"constructor":{"prototype":{"polluted":1}}}'];
  for (let index = 0; index < 1_000; index += 1) await edge.app.inject(post(poison[index % 2] ?? ""));
  expect(Object.getOwnPropertyNames(Object.prototype)).toEqual(before);
  expect("polluted" in {}).toBe(false);
});

test("a body beyond 64 KiB is answered 413 and the connection closed", async () => {
  await using edge = await startEdge();
  const answer = await ask(edge, post(JSON.stringify({ title: "x".repeat(65 * 1_024) })));
  expect(answer.status).toBe(413);
  expect(answer.headers["connection"]).toBe("close");
});

const OTHER_TYPES: [string, InjectOptions][] = [
  ["text/plain", post('{"title": "x"}', { "content-type": "text/plain" })],
  ["XML", post("<title/>", { "content-type": "application/xml" })],
  ["a form where none is taken", post("title=x", { "content-type": "application/x-www-form-urlencoded" })],
  ["a compressed body", post("x", { ...JSON_TYPE, "content-encoding": "gzip" })],
  ["another charset", post('{"title": "x"}', { "content-type": "application/json; charset=latin1" })],
  ["no type", { method: "POST", url: PATH, headers: { "content-length": "2" }, payload: "{}" }],
];

test.each(OTHER_TYPES)("%s is answered 415", async (_name, request) => {
  await using edge = await startEdge();
  expect((await ask(edge, request)).status).toBe(415);
});

test("a form is taken where the route says so, with the same care", async () => {
  await using edge = await startEdge();
  const form = (payload: string): InjectOptions => ({
    method: "POST",
    url: "/form",
    headers: { "content-type": "application/x-www-form-urlencoded;charset=UTF-8" },
    payload,
  });
  expect((await ask(edge, form("username=a%40b&password=%C3%A9+%2B"))).body).toEqual({
    username: "a@b",
    password: "é +",
  });
  expect((await ask(edge, form("username=a&password=%00"))).status).toBe(400);
  expect((await ask(edge, form("username=a&password=%ff"))).status).toBe(400);
  expect((await ask(edge, form("username=a"))).status).toBe(422);
  expect((await ask(edge, form("username=a&password=b&role=admin"))).status).toBe(422);
});

test("a POST that takes nothing may come with an empty body that is said to be JSON", async () => {
  await using edge = await startEdge();
  const answer = await ask(edge, { method: "POST", url: `${PATH}/1/press`, headers: { ...JSON_TYPE, ...CUSTOMER } });
  expect(answer.status).toBe(204);
});

test("unknown paths are 404, known ones with another method 405 and told which ones there are", async () => {
  await using edge = await startEdge();
  expect((await ask(edge, { url: "/nope" })).body["code"]).toBe("request.not_found");
  expect((await ask(edge, { method: "POST", url: "/nope", headers: JSON_TYPE, payload: "{" })).status).toBe(404);
  for (const method of ["DELETE", "OPTIONS", "TRACE", "PROPFIND"] as InjectOptions["method"][]) {
    const answer = await ask(edge, { ...(method !== undefined && { method }), url: `${PATH}/12?x=1` });
    expect([method, answer.status, answer.headers["allow"]]).toEqual([method, 405, "GET, HEAD, PUT"]);
  }
});

test("a problem says what, which and where, and nothing of how we are made", async () => {
  await using edge = await startEdge();
  const headers = { "x-correlation-id": "journey-1" };
  const answer = await ask(edge, { url: "/bug", headers });
  expect(answer.status).toBe(500);
  expect(answer.headers["content-type"]).toBe("application/problem+json; charset=utf-8");
  expect(answer.body).toEqual({
    type: "http://shop.example/docs/errors/service.failed",
    title: "Something went wrong on our side",
    status: 500,
    code: "service.failed",
    correlation_id: "journey-1",
  });
  const logged = edge.lines.find((line) => line["msg"] === "a request failed");
  expect(logged).toMatchObject({
    level: "error",
    correlation_id: "journey-1",
    err: { message: "SELECT secret FROM users", cause: { type: "TypeError", message: "the deeper reason" } },
  });
});

test("a database that is away is 503 with Retry-After", async () => {
  await using edge = await startEdge();
  const answer = await ask(edge, { url: "/away" });
  expect([answer.status, answer.body["code"], answer.headers["retry-after"]]).toEqual([
    503,
    "service.unavailable",
    "1",
  ]);
  expect(JSON.stringify(answer.body)).not.toContain("10.0.0.7");
});

test("a handler that takes too long is answered 503, and what it says later is not sent", async () => {
  const late = Promise.withResolvers<string>();
  await using edge = await startEdge({ handlerLimitMs: 50 }, (app) => {
    app.get("/slow", { config: { permission: "service.read" } }, async (_request, _reply) => await late.promise);
  });
  const answer = await ask(edge, { url: "/slow" });
  expect([answer.status, answer.body["code"]]).toEqual([503, "service.timeout"]);
  late.resolve("too late");
  expect((await ask(edge, { url: "/healthz" })).status).toBe(200);
});

test("the correlation id of the caller comes back when it is decent, else a new one; on every answer", async () => {
  await using edge = await startEdge();
  for (const url of ["/healthz", "/nope", "/bug", `${PATH}/%ff`, `${PATH}?limit=x`]) {
    const answer = await ask(edge, { url, headers: { "x-correlation-id": "A-z_0.9" } });
    expect([url, answer.headers["x-correlation-id"]]).toEqual([url, "A-z_0.9"]);
  }
  for (const bad of ["a b", "x".repeat(65), "new\tline", "é"]) {
    const answer = await ask(edge, { url: "/healthz", headers: { "x-correlation-id": bad } });
    expect(answer.headers["x-correlation-id"]).toMatch(/^[0-9a-f-]{36}$/);
  }
});

test("a valid traceparent goes on with a span of its own, a malformed one is replaced", async () => {
  await using edge = await startEdge();
  const put = async (traceparent: string) => {
    const headers = { ...CUSTOMER, traceparent };
    const answer = await ask(edge, { method: "PUT", url: `${PATH}/5`, headers, payload: { title: "x" } });
    return answer.body["origin"] as Record<string, unknown>;
  };
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const origin = await put(`00-${trace}-b7ad6b7169203331-01`);
  expect(origin).toMatchObject({ user_id: 7, cause: null });
  expect(origin["traceparent"]).toMatch(new RegExp(`^00-${trace}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
  for (const bad of ["", "00-0-0-00", `ff-${trace}-b7ad6b7169203331-01`, `00-${"0".repeat(32)}-b7ad6b7169203331-01`]) {
    expect((await put(bad))["traceparent"]).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect((await put(bad))["traceparent"]).not.toContain(trace);
  }
});

test("every request is one log line with its route and without its query", async () => {
  await using edge = await startEdge();
  const headers = { ...CUSTOMER, "x-correlation-id": "journey-2" };
  await ask(edge, { url: `${PATH}?sort=id&limit=3`, headers });
  const lines = edge.lines.filter((line) => line["correlation_id"] === "journey-2");
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ level: "info", method: "GET", route: PATH, path: PATH, status: 200, user_id: 7 });
  expect(lines[0]?.["duration_ms"]).toBeTypeOf("number");
  expect(lines[0]?.["trace_id"]).toMatch(/^[0-9a-f]{32}$/);
  expect(JSON.stringify(edge.lines)).not.toMatch(/sort=id|Bearer/);
});

test("answers carry the headers that browsers are to be strict by, and no banner", async () => {
  await using edge = await startEdge({ config: { publicUrl: "https://shop.example" } });
  const { headers } = await ask(edge, { url: "/nope" });
  expect(headers).toMatchObject({
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "strict-transport-security": "max-age=31536000; includeSubDomains",
    "cache-control": "no-store",
  });
  expect(headers).not.toHaveProperty("server");
  expect(headers).not.toHaveProperty("x-powered-by");
  expect(headers).not.toHaveProperty("access-control-allow-origin");
});
