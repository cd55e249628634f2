import { request } from "node:http";
import { randomUUID } from "node:crypto";
import { withClient } from "./postgres.ts";

// Above every bound that the server promises: what is not answered by then counts as not answered.
const PATIENCE_MS = 15_000;

export type Reply = { status: number; headers: Record<string, string | undefined>; body: string; ms: number };
export type Shopper = {
  send(method: string, path: string, options?: Options): Promise<Reply>;
  /** the same person at another instance of the API */
  at(apiUrl: string): Shopper;
};
type Options = { body?: unknown; headers?: Record<string, string> };

/** Sends one request on a connection of its own; status 0 when it was not answered. */
export async function call(url: string, method: string, options: Options = {}): Promise<Reply> {
  const begun = performance.now();
  const payload = options.body === undefined ? undefined : JSON.stringify(options.body);
  const json = payload === undefined ? {} : { "content-type": "application/json" };
  const headers = { ...json, ...options.headers };
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const ms = () => performance.now() - begun;
  const sent = request(url, { method, headers, timeout: PATIENCE_MS, agent: false }, (response) => {
    let body = "";
    response.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    response.on("end", () => {
      resolve({ status: response.statusCode ?? 0, headers: flat(response.headers), body, ms: ms() });
    });
    response.on("error", (error) => resolve({ status: 0, headers: {}, body: error.message, ms: ms() }));
  });
  sent.on("timeout", () => sent.destroy(new Error("no answer in time")));
  sent.on("error", (error) => resolve({ status: 0, headers: {}, body: error.message, ms: ms() }));
  sent.end(payload);
  return await promise;
}

/** Makes an account and signs it in, through the API. @param role given past the API, as an admin would */
export async function signUp(apiUrl: string, databaseUrl: string, role = "customer"): Promise<Shopper> {
  const email = `shopper-${randomUUID()}@example.org`;
  const password = `a password of ${email}`;
  const account = { email, password, full_name: "A Shopper" };
  const registered = await call(`${apiUrl}/api/v1/users/register`, "POST", { body: account });
  if (registered.status !== 201) throw new Error(`no account: ${registered.status} ${registered.body}`);
  if (role !== "customer")
    await withClient(databaseUrl, (client) =>
      client.query("UPDATE users SET role = $1 WHERE email = $2", [role, email]),
    );
  const login = await call(`${apiUrl}/api/v1/users/login`, "POST", { body: { email, password } });
  const { access_token: token } = JSON.parse(login.body) as { access_token: string };
  const shopperAt = (url: string): Shopper => ({
    send: (method, path, { body, headers = {} } = {}) =>
      call(`${url}${path}`, method, { body, headers: { ...headers, authorization: `Bearer ${token}` } }),
    at: shopperAt,
  });
  return shopperAt(apiUrl);
}

/** Puts a product on the shelf, as staff does. @returns its id */
export async function addProduct(staff: Shopper, stock: number): Promise<number> {
  const created = await staff.send("POST", "/api/v2/products", { body: { name: "Kettle", price_cents: 4_990, stock } });
  if (created.status !== 201) throw new Error(`no product: ${created.status} ${created.body}`);
  return (JSON.parse(created.body) as { id: number }).id;
}

/** Orders one piece; with a key, so that it can be asked again whatever became of the answer. */
export async function orderOne(shopper: Shopper, product_id: number, key: string = randomUUID()): Promise<Reply> {
  const body = { items: [{ product_id, quantity: 1 }] };
  return await shopper.send("POST", "/api/v2/orders", { body, headers: { "idempotency-key": key } });
}

function flat(headers: Record<string, string | string[] | undefined>): Reply["headers"] {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value?.toString()]));
}
