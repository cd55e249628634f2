import type { TestApp } from "./app.ts";

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
  body: Schema | undefined;
  parameters: Parameter[];
};
type Described = {
  operationId: string;
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
      const { operationId, parameters = [] } = described;
      return { key: `${method} ${path}`, method, path, operationId, body, parameters };
    }),
  );
}

export const PASSWORD = "correct horse battery";
let people = 0;
/** A good body for each operation that takes one, by its key; whoever adds such an operation adds its body. */
export const GOOD_BODIES: Record<string, (known: { product: number; email: string }) => Record<string, unknown>> = {
  "POST /api/v1/users/register": () => ({
    email: `fresh-${(people += 1)}@example.org`,
    password: PASSWORD,
    full_name: "Ann Example",
  }),
  "POST /api/v1/users/login": ({ email }) => ({ email, password: PASSWORD }),
  "POST /api/v1/auth/login/access-token": ({ email }) => ({ username: email, password: PASSWORD }),
  "PATCH /api/v1/users/me": () => ({ full_name: "Ann Other" }),
  "POST /api/v1/items": () => ({ title: "Kettle" }),
  "PUT /api/v1/items/{id}": () => ({ title: "Pot" }),
  "PATCH /api/v1/items/{id}": () => ({ title: "Pan" }),
  "POST /api/v2/products": () => ({ name: "Kettle", price_cents: 100, stock: 1 }),
  "PUT /api/v2/products/{id}": () => ({ name: "Pot", price_cents: 200 }),
  "PATCH /api/v2/products/{id}": () => ({ price_cents: 300 }),
  "POST /api/v2/products/{id}/stock": () => ({ delta: 1, reason: "counted" }),
  "PATCH /api/v2/products/{id}/stock": () => ({ low_stock_threshold: 2 }),
  "POST /api/v2/product-batches": () => ({ products: [{ sku: "BULK-1", name: "Kettle", price_cents: 100 }] }),
  "POST /api/v2/orders": ({ product }) => ({ items: [{ product_id: product, quantity: 1 }] }),
};
