import { expect, test } from "vitest";
import { type Client, startApp, type TestApp } from "./app.ts";
import { GOOD_BODIES, listOperations, type Operation, PASSWORD } from "./operations.ts";

const WHO = ["anonymous", "revoked", "stranger", "owner", "staff", "admin"] as const;
type Who = (typeof WHO)[number];

/**
 * What each operation answers to each of them, in the order of WHO. The owner is a customer who made the item or the
 * order; the stranger is a customer, too. Whoever adds an operation has to say here who may use it.
 */
const EXPECTED: Record<string, [number, number, number, number, number, number]> = {
  "GET /api/v1/health": [200, 200, 200, 200, 200, 200],
  "GET /healthz": [200, 200, 200, 200, 200, 200],
  "GET /api/v1/health/ready": [200, 200, 200, 200, 200, 200],
  "GET /readyz": [200, 200, 200, 200, 200, 200],
  "GET /metrics": [200, 200, 200, 200, 200, 200],
  "GET /.well-known/jwks.json": [200, 200, 200, 200, 200, 200],
  "POST /api/v1/users/register": [201, 201, 201, 201, 201, 201],
  "POST /api/v1/users/login": [200, 200, 200, 200, 200, 200],
  "POST /api/v1/auth/login/access-token": [200, 200, 200, 200, 200, 200],
  "GET /api/v1/users/me": [401, 401, 200, 200, 200, 200],
  "PATCH /api/v1/users/me": [401, 401, 200, 200, 200, 200],
  "GET /api/v1/items": [200, 200, 200, 200, 200, 200],
  "POST /api/v1/items": [401, 401, 201, 201, 201, 201],
  "GET /api/v1/items/{id}": [200, 200, 200, 200, 200, 200],
  "PUT /api/v1/items/{id}": [401, 401, 403, 200, 403, 200],
  "PATCH /api/v1/items/{id}": [401, 401, 403, 200, 403, 200],
  "DELETE /api/v1/items/{id}": [401, 401, 403, 204, 403, 204],
  "GET /api/v1/categories": [200, 200, 200, 200, 200, 200],
  "GET /api/v1/search/items": [200, 200, 200, 200, 200, 200],
  "GET /api/v1/search/suggest": [200, 200, 200, 200, 200, 200],
  "GET /api/v2/products": [200, 200, 200, 200, 200, 200],
  "POST /api/v2/products": [401, 401, 403, 403, 201, 201],
  "GET /api/v2/products/{id}": [200, 200, 200, 200, 200, 200],
  "PUT /api/v2/products/{id}": [401, 401, 403, 403, 200, 200],
  "PATCH /api/v2/products/{id}": [401, 401, 403, 403, 200, 200],
  "POST /api/v2/products/{id}/stock": [401, 401, 403, 403, 201, 201],
  "GET /api/v2/products/{id}/stock": [401, 401, 403, 403, 200, 200],
  "PATCH /api/v2/products/{id}/stock": [401, 401, 403, 403, 200, 200],
  "GET /api/v2/products/{id}/movements": [401, 401, 403, 403, 200, 200],
  "POST /api/v2/product-batches": [401, 401, 403, 403, 200, 200],
  "GET /api/v2/product-export": [401, 401, 403, 403, 200, 200],
  "POST /api/v2/product-imports": [401, 401, 403, 403, 202, 202],
  "GET /api/v2/product-imports": [401, 401, 403, 403, 200, 200],
  "GET /api/v2/product-imports/{id}": [401, 401, 403, 403, 200, 200],
  "GET /api/v2/product-imports/{id}/lines": [401, 401, 403, 403, 200, 200],
  "POST /api/v2/orders": [401, 401, 202, 202, 202, 202],
  "GET /api/v2/orders": [401, 401, 200, 200, 200, 200],
  "GET /api/v2/orders/{id}": [401, 401, 404, 200, 200, 200],
  "POST /api/v2/orders/{id}/cancel": [401, 401, 404, 200, 200, 200],
};
const UNKNOWN_ID = 999_999;
const CSV = "sku,name,price_cents\nCSV-1,Kettle,100";
const CORRELATED = { "x-correlation-id": "the-same" };

test("each operation lets in just those who may use it, and is in the table", async () => {
  await using shop = await startApp({ worker: false });
  const operations = await listOperations(shop);
  expect(operations.map(({ key }) => key).toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
  const cast = await castOf(shop);
  const shared = await cast.prepare();
  const seen: Record<string, number[]> = {};
  for (const operation of operations) {
    const statuses: number[] = [];
    // What one of them changed or removed would not be there for the next.
    const changes = operation.method !== "GET" && operation.path.includes("{id}");
    for (const who of WHO) {
      const known = changes ? await cast.prepare() : shared;
      statuses.push((await ask(cast.people[who], operation, known)).statusCode);
    }
    seen[operation.key] = statuses;
  }
  expect(seen).toEqual(EXPECTED);
});

test("what is somebody else's secret can't be told from what does not exist, to the byte", async () => {
  await using shop = await startApp({ worker: false });
  const operations = await listOperations(shop);
  const cast = await castOf(shop);
  const secret = operations.filter(({ key }) => EXPECTED[key]?.[WHO.indexOf("stranger")] === 404);
  expect(secret.length).toBeGreaterThan(1);
  for (const operation of secret) {
    const known = await cast.prepare();
    const foreign = await ask(cast.people.stranger, operation, known);
    const unknown = await ask(cast.people.stranger, operation, { ...known, order: UNKNOWN_ID });
    expect(foreign.statusCode).toBe(404);
    expect(comparable(foreign)).toEqual(comparable(unknown));
  }
});

test("a list of orders holds the caller's own, whatever it is asked for", async () => {
  await using shop = await startApp({ worker: false });
  const cast = await castOf(shop);
  await cast.prepare();
  const { owner, stranger, staff } = cast.people;
  const listed = async (who: Client, query = "") => (await who.get(`/api/v2/orders${query}`)).body["data"];
  expect(await listed(owner)).toHaveLength(1);
  expect(await listed(staff)).toHaveLength(1);
  expect(await listed(stranger)).toEqual([]);
  expect(await listed(stranger, `?user_id=${owner.id}`)).toEqual([]);
});

type Known = { product: number; item: number; import: number; order: number; email: string };

async function castOf(shop: TestApp) {
  const revoked = await shop.signUp();
  await shop.db.updateTable("sessions").set({ revoked_at: "now" }).where("user_id", "=", revoked.id).execute();
  const [stranger, owner] = [await shop.signUp(), await shop.signUp()];
  const [staff, admin] = [await shop.signUp("staff"), await shop.signUp("admin")];
  const people: Record<Who, Client> = { anonymous: shop.anonymous, revoked, stranger, owner, staff, admin };
  const email = "known@example.org";
  await shop.anonymous.post("/api/v1/users/register", { email, password: PASSWORD, full_name: "Ann Known" });
  const prepare = async (): Promise<Known> => {
    const product = await idOf(staff.post("/api/v2/products", { name: "Kettle", price_cents: 100, stock: 9 }));
    const item = await idOf(owner.post("/api/v1/items", { title: "Mine" }));
    const items = [{ product_id: product, quantity: 1 }];
    const imported = await idOf(staff.post("/api/v2/product-imports", CSV, { "content-type": "text/csv" }));
    return { product, item, import: imported, order: await idOf(owner.post("/api/v2/orders", { items })), email };
  };
  return { people, prepare };
}

async function idOf(created: ReturnType<Client["post"]>): Promise<number> {
  return Number((await created).body["id"]);
}

function ask(client: Client, { key, method, path }: Operation, known: Known): ReturnType<Client["post"]> {
  if (key === "POST /api/v2/product-imports")
    return client.post(path, CSV, { ...CORRELATED, "content-type": "text/csv" });
  const kind = path.includes("/product-imports/")
    ? "import"
    : path.includes("/orders/")
      ? "order"
      : path.includes("/items/")
        ? "item"
        : "product";
  const send = client[method.toLowerCase() as "get" | "post" | "put" | "patch" | "delete"];
  return send(path.replace("{id}", String(known[kind])), GOOD_BODIES[key]?.(known), CORRELATED);
}

function comparable({ statusCode, headers, body }: Awaited<ReturnType<Client["post"]>>) {
  const { date: _date, ...rest } = headers;
  return { statusCode, headers: rest, body };
}
