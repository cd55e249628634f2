import { hashOf, newSeed } from "#src/platform/security/one-time-token.ts";
import type { Permission } from "#src/permissions.ts";
import type { Client, TestApp } from "./app.ts";

/** The part of a JSON schema that tests look at. */
export type Schema = {
  type?: string | string[];
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  maxLength?: number;
  properties?: Record<string, Schema>;
  items?: Schema;
};
export type Parameter = { in: string; name: string; schema: Schema };
/** What openapi.json says of one operation. `key` is `METHOD /path`. */
export type Operation = {
  key: string;
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  path: string;
  operationId: string;
  description: string;
  permission: Permission;
  /** the status of its success */
  success: number;
  body: Schema | undefined;
  /** takes a file of this type instead of JSON */
  csv: boolean;
  parameters: Parameter[];
};
type Described = {
  operationId: string;
  description: string;
  "x-permission": Permission;
  responses: Record<string, unknown>;
  requestBody?: { content: Record<string, { schema: Schema }> };
  parameters?: Parameter[];
};

/** Every operation that openapi.json documents, so that a new one is under test without being listed. */
export async function listOperations(shop: TestApp): Promise<Operation[]> {
  const { paths } = (await shop.anonymous.get("/openapi.json")).body as { paths: Record<string, object> };
  return Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations as Record<string, Described>).map(([name, described]) => {
      const method = name.toUpperCase() as Operation["method"];
      const body = described.requestBody?.content["application/json"]?.schema;
      const csv = described.requestBody?.content["text/csv"] !== undefined;
      const { operationId, description, parameters = [], "x-permission": permission } = described;
      const success = Number(Object.keys(described.responses).find((status) => status.startsWith("2")));
      const key = `${method} ${path}`;
      return { key, method, path, operationId, description, permission, success, body, csv, parameters };
    }),
  );
}

export const PASSWORD = "correct horse battery";
let people = 0;

/**
 * What paths and bodies speak of: things of one customer, the owner. A path with a new kind of thing in it, as
 * `/tasks/{id}`, needs one of its kind here, named in the singular; a body may need more.
 */
export type Known = Awaited<ReturnType<typeof makeKnown>>;

/** Makes those things anew, so that who changes or removes them takes them from nobody else. */
export async function makeKnown(shop: TestApp, owner: Client) {
  const staff = await shop.signUp("staff");
  const product = await idOf(staff.post("/api/v2/products", { name: "Kettle", price_cents: 100, stock: 9 }));
  const item = await idOf(owner.post("/api/v1/items", { title: "Mine" }));
  const order = await idOf(owner.post("/api/v2/orders", { items: [{ product_id: product, quantity: 1 }] }));
  const file = "sku,name,price_cents\nCSV-1,Kettle,100";
  const imported = await idOf(staff.post("/api/v2/product-imports", file, { "content-type": "text/csv" }));
  const { id: session } = await shop.db
    .selectFrom("sessions")
    .select("id")
    .where("user_id", "=", owner.id)
    .executeTakeFirstOrThrow();
  const [reset, verification] = [
    await tokenFor(shop, owner, "password_reset"),
    await tokenFor(shop, owner, "verify_email"),
  ];
  const dead = { "dead-letter": await makeDeadLetter(shop), consumer: "orders.reserve", journey: "known-journey" };
  const things = { product, item, order, session, file, "product-import": imported, ...dead };
  return { ...things, reset, verification, user: owner.id, email: await knownAddress(shop) };
}

/** A message that its consumer gave up. @returns the dead letter's id */
export async function makeDeadLetter(shop: TestApp): Promise<string> {
  const [made = ""] = await makeDeadLetters(shop, 1);
  return made;
}

/** So many of them. @returns their ids */
export async function makeDeadLetters(shop: TestApp, count: number): Promise<string[]> {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const message = { topic: "order.placed", payload: JSON.stringify({ order_id: 1 }), correlation_id: "known-journey" };
  const messages = Array.from({ length: count }, () => ({ ...message, traceparent }));
  const written = await shop.db.insertInto("outbox").values(messages).returning("id").execute();
  const consumer = "orders.reserve";
  const dead = written.map(({ id: message_id }) => ({ message_id, consumer, attempts: 5, dead_at: "now" }));
  await shop.db.insertInto("deliveries").values(dead).execute();
  return dead.map(({ message_id }) => `${message_id}.${consumer}`);
}

/** A one-time token as a mail would bring it. */
async function tokenFor(
  shop: TestApp,
  { id: user_id }: Client,
  purpose: "password_reset" | "verify_email",
): Promise<string> {
  const token = newSeed();
  const row = { user_id, purpose, hash: hashOf(token), expires_at: "tomorrow" };
  await shop.db
    .insertInto("one_time_tokens")
    .values(row)
    .onConflict((conflict) => conflict.columns(["user_id", "purpose"]).doUpdateSet({ hash: row.hash }))
    .execute();
  return token;
}

/** The path of an operation with the things in it that are known. */
export function pathOf({ path }: Operation, known: Known): string {
  return path.replaceAll(/\/([a-z-]+)s\/\{\w+\}/g, (_all, kind: string) => {
    if (!Object.hasOwn(known, kind)) throw new Error(`makeKnown in operations.ts makes no ${kind} for ${path}`);
    return `/${kind}s/${known[kind as keyof Known]}`;
  });
}

async function idOf(created: ReturnType<Client["post"]>): Promise<number> {
  return Number((await created).body["id"]);
}

const knownAccounts = new WeakMap<TestApp, Promise<string>>();

/** The address of an account that opens with PASSWORD, one for each shop: making it costs a hash. */
async function knownAddress(shop: TestApp): Promise<string> {
  const email = "known@example.org";
  const account = { email, password: PASSWORD, full_name: "Ann Known" };
  const made = knownAccounts.get(shop) ?? shop.anonymous.post("/api/v1/users/register", account).then(() => email);
  knownAccounts.set(shop, made);
  return await made;
}

/** A good body for each operation that takes one, by its key; whoever adds such an operation adds its body. */
export const GOOD_BODIES: Record<string, (known: Known) => Record<string, unknown> | string> = {
  "POST /api/v1/users/register": () => ({
    email: `fresh-${(people += 1)}@example.org`,
    password: PASSWORD,
    full_name: "Ann Example",
  }),
  "POST /api/v1/users/login": ({ email }) => ({ email, password: PASSWORD }),
  "POST /api/v1/auth/login/access-token": ({ email }) => ({ username: email, password: PASSWORD }),
  "POST /api/v1/auth/password-reset": ({ email }) => ({ email }),
  "POST /api/v1/auth/password-reset/confirm": ({ reset }) => ({ token: reset, new_password: "another horse" }),
  "POST /api/v1/auth/verify-email": ({ verification }) => ({ token: verification }),
  "POST /api/v1/users/me/password": () => ({ current_password: PASSWORD, new_password: "another horse" }),
  "PATCH /api/v1/users/me": () => ({ full_name: "Ann Other" }),
  "PATCH /api/v1/users/{id}": () => ({ status: "active" }),
  "POST /api/v1/items": () => ({ title: "Kettle" }),
  "PUT /api/v1/items/{id}": () => ({ title: "Pot" }),
  "PATCH /api/v1/items/{id}": () => ({ title: "Pan" }),
  "POST /api/v2/products": () => ({ name: "Kettle", price_cents: 100, stock: 1 }),
  "PUT /api/v2/products/{id}": () => ({ name: "Pot", price_cents: 200 }),
  "PATCH /api/v2/products/{id}": () => ({ price_cents: 300 }),
  "POST /api/v2/products/{id}/stock": () => ({ delta: 1, reason: "counted" }),
  "PATCH /api/v2/products/{id}/stock": () => ({ low_stock_threshold: 2 }),
  "POST /api/v2/product-imports": ({ file }) => file,
  "POST /api/v2/product-batches": () => ({ products: [{ sku: "BULK-1", name: "Kettle", price_cents: 100 }] }),
  "POST /api/v2/orders/{id}/pay": () => ({ reference: "payment-1" }),
  "POST /api/v2/orders/{id}/ship": () => ({ carrier: "Post", tracking: "1Z" }),
  "POST /api/v2/orders": ({ product }) => ({ items: [{ product_id: product, quantity: 1 }] }),
};
