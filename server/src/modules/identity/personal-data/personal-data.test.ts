import { expect, test } from "vitest";
import { type Client, clientOf, startApp, type TestApp } from "#test/app.ts";
import { findTraces } from "#test/traces.ts";

type Row = Record<string, unknown>;
const MANY_ITEMS = 1_200;
const DELETIONS = 10;
const ann = { email: "ann@example.com", password: "correct horse battery", full_name: "Ann Example" };

test("an export is a file with all that is held: account, devices, log, items, orders with lines and history, mails", async () => {
  await using shop = await startApp();
  const own = await signIn(shop);
  const staff = await shop.signUp("staff");
  const product = (await staff.post("/api/v2/products", { name: "Kettle", price_cents: 100, stock: 5 })).body["id"];
  await own.post("/api/v1/items", { title: "Bicycle" });
  await own.post("/api/v2/orders", { items: [{ product_id: product, quantity: 2 }] });
  await shop.drained();
  const { statusCode, headers, body } = await own.get("/api/v1/users/me/export");
  expect([statusCode, headers["content-type"]]).toEqual([200, "application/json; charset=utf-8"]);
  expect(headers["content-disposition"]).toBe(`attachment; filename="shopfloor-account-${own.id}.json"`);
  expect(body["account"]).toMatchObject({ id: own.id, email: ann.email, full_name: ann.full_name });
  expect(body["sessions"]).toMatchObject([{ address: "127.0.0.1", user_agent: "lightMyRequest" }]);
  expect(body["items"]).toMatchObject([{ title: "Bicycle" }]);
  const line = { product_id: product, name: "Kettle", quantity: 2, unit_price_cents: 100 };
  expect(body["orders"]).toMatchObject([
    { user_id: own.id, items: [line], history: [{ status: "pending" }, { status: "reserved" }] },
  ]);
  const told = (kind: string) => ({ kind, recipient: ann.email });
  expect(body["mails"]).toMatchObject([told("verify_email"), told("order_status")]);
  const actions = (body["audit_log"] as Row[]).map(({ action }) => action);
  expect(actions).toEqual(["account.opened", "login.succeeded", "account.exported"]);
  expect(JSON.stringify(body)).not.toMatch(/hash|seed|hmac|audit_key|password"/);
});

test("an export has everything, however much it is, and its statements grow by pages and not by rows", async () => {
  await using shop = await startApp({ worker: false });
  const [one, many] = [await shop.signUp(), await shop.signUp()];
  const items = Array.from({ length: MANY_ITEMS }, (_, n) => ({ owner_id: many.id, title: `Item ${n}` }));
  await shop.db.insertInto("items").values(items).execute();
  const cost = async (client: Client) => {
    const before = shop.statements();
    const { body } = await client.get("/api/v1/users/me/export");
    return { rows: (body["items"] as Row[]).length, statements: shop.statements() - before };
  };
  const [small, large] = [await cost(one), await cost(many)];
  expect([small.rows, large.rows]).toEqual([0, MANY_ITEMS]);
  expect(large.statements - small.statements).toBe(Math.floor(MANY_ITEMS / 500));
});

test("one export at a time: another one of the same account waits, that of somebody else does not", async () => {
  await using shop = await startApp({ worker: false });
  const [one, two] = [await shop.signUp(), await shop.signUp()];
  const answers = await Promise.all([1, 2, 3].map(() => one.get("/api/v1/users/me/export")));
  const refused = answers.filter(({ statusCode }) => statusCode === 429);
  // The first may be over before the last one asks.
  expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(3 - refused.length);
  expect(refused.length).toBeGreaterThan(0);
  expect(Number(refused[0]?.headers["retry-after"])).toBeGreaterThan(0);
  expect((await two.get("/api/v1/users/me/export")).statusCode).toBe(200);
});

test("a deletion takes everything or nothing, once, and leaves what belongs to others", async () => {
  await using shop = await startApp({ worker: false });
  const [staff, bob] = [await shop.signUp("staff"), await shop.signUp()];
  const kettle = (await staff.post("/api/v2/products", { name: "Kettle", price_cents: 1, stock: 5 })).body["id"];
  await bob.post("/api/v1/items", { title: "Bob's" });
  const own = await signIn(shop);
  await own.post("/api/v1/items", { title: "Ann's" });
  const answers = await Promise.all(Array.from({ length: DELETIONS }, () => own.delete("/api/v1/users/me")));
  const statuses = answers.map(({ statusCode }) => statusCode).toSorted();
  expect([statuses[0], statuses.slice(1).every((status) => status === 401)]).toEqual([204, true]);
  const titles = (await shop.anonymous.get("/api/v1/items")).body["data"] as Row[];
  expect(titles.map(({ title }) => title).toSorted()).toEqual(["Bob's", "Kettle"]);
  expect((await staff.delete("/api/v1/users/me")).statusCode).toBe(204);
  const product = await shop.anonymous.get(`/api/v1/items/${String(kettle)}`);
  expect(product.body["owner"]).toEqual({ id: staff.id, full_name: "Deleted user" });
  expect((await findTraces(shop.url, [ann.email, ann.full_name])).found).toEqual([]);
  const log = shop.db.selectFrom("audit_log").select("actor_id").where("action", "=", "account.deleted");
  expect(await log.orderBy("id").execute()).toEqual([{ actor_id: own.id }, { actor_id: staff.id }]);
});

test("a change of the name that races the deletion leaves no name behind", async () => {
  await using shop = await startApp({ worker: false });
  for (let round = 0; round < DELETIONS; round += 1) {
    const own = await shop.signUp();
    await own.get("/api/v1/users/me");
    const [changed, deleted] = await Promise.all([
      own.patch("/api/v1/users/me", { full_name: "Nobody Atall" }),
      own.delete("/api/v1/users/me"),
    ]);
    expect([200, 401]).toContain(changed.statusCode);
    expect(deleted.statusCode).toBe(204);
  }
  expect((await findTraces(shop.url, ["Nobody Atall"])).found).toEqual([]);
});

test("the address is free for a new account, which has nothing of the old one; the name in its place is nobody's", async () => {
  await using shop = await startApp({ worker: false });
  const old = await signIn(shop);
  await old.post("/api/v1/items", { title: "Bicycle" });
  await old.delete("/api/v1/users/me");
  const placeholder = { ...ann, email: `deleted-${old.id + 1}` };
  expect((await shop.anonymous.post("/api/v1/users/register", placeholder)).statusCode).toBe(422);
  const anew = await signIn(shop);
  expect(anew.id).not.toBe(old.id);
  expect((await anew.get("/api/v1/users/me/export")).body).toMatchObject({ items: [], orders: [] });
});

async function signIn(shop: TestApp): Promise<Client> {
  const { body } = await shop.anonymous.post("/api/v1/users/register", ann);
  const { email, password } = ann;
  const token = String((await shop.anonymous.post("/api/v1/users/login", { email, password })).body["access_token"]);
  return clientOf(shop.app, Number(body["id"]), { authorization: `Bearer ${token}` });
}
