import { Agent, request as send } from "node:http";
import { until } from "#test/until.ts";
import { query } from "./cluster.ts";
import type { Shop } from "./shop-under-fire.ts";

export type Person = { id: number; email: string; token: string };
export type Reply = { status: number; body: Record<string, unknown>; replayed: boolean };
export type Asking = { method?: string; token?: string; body?: unknown; headers?: Record<string, string> };

const PASSWORD = "correct horse battery";
const CREATED = 201;
const UNAVAILABLE = 503;
/** On a machine that is busy with other things a hash alone can take seconds. */
const ANSWERED_WITHIN_MS = 120_000;
const REPLY_WITHIN_MS = 8_000;
const agent = new Agent({ keepAlive: true, maxSockets: 64 });
let people = 0;

/** Sends a request and reads its answer. @throws Error when none comes: a reset, or nothing for 8 seconds */
export function ask(url: string, { method = "GET", token, body, headers = {} }: Asking = {}): Promise<Reply> {
  const own = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const type = body === undefined ? {} : { "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const sent = send(url, { method, agent, headers: { ...own, ...type, ...headers } }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const text = Buffer.concat(parts).toString();
        const replayed = response.headers["idempotency-replayed"] === "true";
        resolve({ status: response.statusCode ?? 0, body: parse(text), replayed });
      });
    });
    sent.setTimeout(REPLY_WITHIN_MS, () => sent.destroy(new Error("no answer in time")));
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

/** A new account that is logged in; staff get their role from the database, as the first admin does. */
export async function signUp(shop: Shop, role: "customer" | "staff" = "customer"): Promise<Person> {
  const [url = ""] = shop.urls;
  const email = `person-${(people += 1)}@example.org`;
  const account = { email, password: PASSWORD, full_name: `Person ${people}` };
  const asking = { method: "POST", body: account };
  const { status, body } = await ask(`${url}/api/v1/users/register`, asking);
  // On a busy machine hashes take their time. Whether it was done after all nobody knows: another address, then.
  if (status === UNAVAILABLE) return await signUp(shop, role);
  if (status !== CREATED) throw new Error(`an account was refused: ${status} ${JSON.stringify(body)}`);
  const id = Number(body["id"]);
  if (role === "staff") await query(shop.databaseUrl, "UPDATE users SET role = 'staff' WHERE id = $1", [id]);
  return { id, email, token: await logIn(shop, email) };
}

/** One after the other: hashes at the same time only wait for each other, until none is ready in time. */
export async function signUpMany(shop: Shop, count: number, role: "customer" | "staff"): Promise<Person[]> {
  const many: Person[] = [];
  for (let index = 0; index < count; index += 1) many.push(await signUp(shop, role));
  return many;
}

export async function logIn(shop: Shop, email: string): Promise<string> {
  const body = { email, password: PASSWORD };
  const reply = await expectStatus(200, `${shop.urls[0]}/api/v1/users/login`, { method: "POST", body });
  return String(reply.body["access_token"]);
}

/** Puts a product on the shelf. @returns its id */
export async function stock(
  shop: Shop,
  staff: Person,
  product: { stock: number; price_cents: number },
): Promise<number> {
  const body = { name: "Kettle", ...product };
  const asking = { method: "POST", token: staff.token, body };
  return Number((await expectStatus(201, `${shop.urls[0]}/api/v2/products`, asking)).body["id"]);
}

/** Asks again while the service is too busy to answer: for what does no harm when it is done twice. */
export async function askAgain(url: string, asking: Asking): Promise<Reply> {
  return await until(
    async () => {
      const reply = await ask(url, asking).catch(() => undefined);
      return reply !== undefined && reply.status !== UNAVAILABLE && reply;
    },
    undefined,
    ANSWERED_WITHIN_MS,
  );
}

async function expectStatus(status: number, url: string, asking: Asking): Promise<Reply> {
  const reply = await askAgain(url, asking);
  if (reply.status !== status) throw new Error(`${url}: ${reply.status} ${JSON.stringify(reply.body)}`);
  return reply;
}

function parse(text: string): Record<string, unknown> {
  return text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
}
