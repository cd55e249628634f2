import { expect, test } from "vitest";
import { PERMISSIONS, type Role, type Rule } from "#src/permissions.ts";
import { type Answer, type Client, startApp, type TestApp } from "./app.ts";
import { figure } from "./faults/database/figure.ts";
import { GOOD_BODIES, type Known, listOperations, makeKnown, type Operation, pathOf } from "./operations.ts";

/** Those who ask. The owner is a customer whose things are asked for; the stranger is a customer, too. */
const WHO = ["anonymous", "revoked", "stranger", "owner", "staff", "admin"] as const;
type Who = (typeof WHO)[number];
const ROLE_OF: Partial<Record<Who, Role>> = { stranger: "customer", owner: "customer", staff: "staff", admin: "admin" };

/** Where more than the permission decides, and why. */
const EXCEPTIONS: Record<string, { why: string; expected: Partial<Record<Who, number>> }> = {
  "POST /api/v1/auth/refresh": {
    why: "whose it is, the cookie says, and none of them has one",
    expected: { anonymous: 401, revoked: 401, stranger: 401, owner: 401, staff: 401, admin: 401 },
  },
  "POST /api/v1/auth/logout": { why: "who was never in can't leave", expected: { anonymous: 401 } },
  "POST /api/v2/orders/{id}/pay": { why: "it is not reserved yet", expected: { staff: 409, admin: 409 } },
  "POST /api/v2/orders/{id}/ship": { why: "it is not paid", expected: { staff: 409, admin: 409 } },
  "POST /api/v2/orders/{id}/deliver": { why: "it was not sent", expected: { staff: 409, admin: 409 } },
  "POST /api/v1/auth/logout-all": { why: "who was never in can't leave", expected: { anonymous: 401 } },
};

/** Which paths a permission speaks of, by its first word: a route that borrows another one's is found out. */
const PATHS_OF: Record<string, RegExp> = {
  service: /^\/(healthz|readyz|metrics|\.well-known\/jwks\.json|api\/v1\/health(\/ready)?)$/,
  account: /^\/api\/v1\/(users\/(register|me)|auth\/(password-reset|verify-email))(\/|$)/,
  session: /^\/api\/v1\/(users\/login|auth\/(login|refresh|logout|logout-all)|users\/me\/sessions)(\/|$)/,
  user: /^\/api\/v1\/users(\/\{id\})?$/,
  audit: /^\/api\/v1\/operations\/audit$/,
  mail: /^\/api\/v1\/operations\/mails$/,
  queue: /^\/api\/v1\/operations\/queues$/,
  consumer: /^\/api\/v1\/operations\/consumers\//,
  dead_letter: /^\/api\/v1\/operations\/dead-letters(\/|$)/,
  schedule: /^\/api\/v1\/operations\/schedules$/,
  journey: /^\/api\/v1\/operations\/journeys\//,
  item: /^\/api\/v1\/(items|categories|search)(\/|$)/,
  product: /^\/api\/v2\/(products(\/\{id\})?$|product-(batches|export|imports)(\/|$))/,
  stock: /^\/api\/v2\/products\/\{id\}\/(stock|movements)$/,
  order: /^\/api\/v2\/orders(\/|$)/,
};
const UNKNOWN = { number: 999_999, string: "00000000-0000-4000-8000-000000000000" };
const CORRELATED = { "x-correlation-id": "the-same" };
const MATRIX_WITHIN_MS = 300_000;

test(
  "each operation lets in just those whom permissions.ts lets in",
  async () => {
    await using shop = await startApp({ worker: false });
    const shared = await castOf(shop);
    const [seen, expected]: Record<string, string>[] = [{}, {}];
    const operations = await listOperations(shop);
    for (const operation of operations) {
      const statuses: number[] = [];
      for (const who of WHO) {
        // What one of them changed, removed or closed would not be there for the next.
        const { people, known } = operation.method === "GET" ? shared : await castOf(shop);
        statuses.push((await ask(people[who], operation, known)).statusCode);
      }
      Object.assign(seen ?? {}, { [operation.key]: statuses.join(" ") });
      Object.assign(expected ?? {}, { [operation.key]: WHO.map((who) => expectedOf(operation, who)).join(" ") });
    }
    expect(seen).toEqual(expected);
    figure(`${operations.length} operations x ${WHO.length} kinds of callers, each as permissions.ts says`);
  },
  MATRIX_WITHIN_MS,
);

test("each exception to the permissions is an operation that is there", async () => {
  await using shop = await startApp({ worker: false });
  const keys = (await listOperations(shop)).map(({ key }) => key);
  expect(Object.keys(EXCEPTIONS).filter((key) => !keys.includes(key))).toEqual([]);
});

test("an operation is guarded by a permission of its own kind, and one that changes something by none for reading", async () => {
  await using shop = await startApp({ worker: false });
  const operations = await listOperations(shop);
  const strange = operations.filter(({ permission, path, method }) => {
    const [kind = "", act] = permission.split(".");
    return PATHS_OF[kind]?.test(path) !== true || (method !== "GET" && act === "read");
  });
  expect(strange.map(({ key, permission }) => [key, permission])).toEqual([]);
});

// What a role alone decides is refused before the input is read: who may not, learns nothing about it.
test("a refusal for the role or for no token at all comes before any look at the input", async () => {
  await using shop = await startApp({ worker: false });
  const { people, known } = await castOf(shop);
  for (const operation of await listOperations(shop)) {
    for (const who of WHO) {
      const status = expectedOf(operation, who);
      const rule: Rule = PERMISSIONS[operation.permission];
      if (status !== 401 && (status !== 403 || rule.owner === true)) continue;
      const answer = await ask(people[who], operation, known, { nobody: "knows this field" });
      expect([operation.key, who, answer.statusCode]).toEqual([operation.key, who, status]);
    }
  }
});

test("what is somebody else's secret can't be told from what does not exist, to the byte", async () => {
  await using shop = await startApp({ worker: false });
  const { people, known } = await castOf(shop);
  const secret = (await listOperations(shop)).filter((operation) => expectedOf(operation, "stranger") === 404);
  expect(secret.length).toBeGreaterThan(1);
  const unknown = Object.fromEntries(
    Object.entries(known).map(([kind, value]) => [kind, typeof value === "number" ? UNKNOWN.number : UNKNOWN.string]),
  ) as Known;
  for (const operation of secret) {
    const foreign = await ask(people.stranger, operation, known);
    expect([operation.key, foreign.statusCode]).toEqual([operation.key, 404]);
    expect(comparable(foreign)).toEqual(comparable(await ask(people.stranger, operation, unknown)));
  }
});

test("a list of orders holds the caller's own, whatever it is asked for", async () => {
  await using shop = await startApp({ worker: false });
  const { owner, stranger, staff } = (await castOf(shop)).people;
  const listed = async (who: Client, query = "") => (await who.get(`/api/v2/orders${query}`)).body["data"];
  expect(await listed(owner)).toHaveLength(1);
  expect(await listed(staff)).toHaveLength(1);
  expect(await listed(stranger)).toEqual([]);
  expect(await listed(stranger, `?user_id=${owner.id}`)).toEqual([]);
});

/** What permissions.ts promises: written out once more, so that a mistake in the guard is no mistake here. */
function expectedOf({ key, permission, path, success }: Operation, who: Who): number {
  const exception = EXCEPTIONS[key]?.expected[who];
  if (exception !== undefined) return exception;
  const rule: Rule = PERMISSIONS[permission];
  if (rule.roles === "anyone") return success;
  const role = ROLE_OF[who];
  if (role === undefined) return 401;
  // Without an id in its path an operation is about the caller's own things.
  const isTheirs = who === "owner" || !path.includes("{");
  if (rule.roles.includes(role) || (rule.owner === true && isTheirs)) return success;
  return rule.hidden === true ? 404 : 403;
}

async function castOf(shop: TestApp): Promise<{ people: Record<Who, Client>; known: Known }> {
  const revoked = await shop.signUp();
  await shop.db.updateTable("sessions").set({ revoked_at: "now" }).where("user_id", "=", revoked.id).execute();
  const [stranger, owner] = [await shop.signUp(), await shop.signUp()];
  const [staff, admin] = [await shop.signUp("staff"), await shop.signUp("admin")];
  const people = { anonymous: shop.anonymous, revoked, stranger, owner, staff, admin };
  return { people, known: await makeKnown(shop, owner) };
}

async function ask(
  client: Client,
  operation: Operation,
  known: Known,
  body: Record<string, unknown> | string | undefined = GOOD_BODIES[operation.key]?.(known),
): Promise<Answer> {
  const send = client[operation.method.toLowerCase() as "get" | "post" | "put" | "patch" | "delete"];
  const sent = operation.body === undefined && !operation.csv ? undefined : body;
  const type = operation.csv && typeof body === "string" ? { "content-type": "text/csv" } : {};
  return await send(pathOf(operation, known), sent, { ...CORRELATED, ...type });
}

function comparable({ statusCode, headers, body }: Answer) {
  const { date: _date, ...rest } = headers;
  return { statusCode, headers: rest, body };
}
