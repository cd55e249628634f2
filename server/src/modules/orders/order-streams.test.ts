import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { order, stocked } from "#test/shop.ts";
import { until } from "#test/until.ts";

const LONG = { ORDER_STREAM_SECONDS: "60" };
const OF_USER = 10;

test("who follows an order hears of each step once, from the first on, until the last", async () => {
  await using shop = await startListening();
  const { path, staff, buyer } = await reserved(shop);
  const follower = await follow(shop, path, buyer.token);
  await until(() => follower.statuses().length === 2);
  await staff.post(`${path}/pay`, { reference: "payment-1" });
  await staff.post(`${path}/ship`, {});
  await until(() => follower.statuses().length === 4);
  await staff.post(`${path}/deliver`);
  await follower.ended;
  expect(follower.statuses()).toEqual(["pending", "reserved", "paid", "shipped", "delivered"]);
});

test("who comes again with the last id misses nothing and hears nothing twice; when all is told, 204 says so", async () => {
  await using shop = await startListening();
  const { path, staff, buyer } = await reserved(shop);
  const first = await follow(shop, path, buyer.token);
  await until(() => first.statuses().length === 2);
  const [seen = "", last = ""] = first.ids();
  first.leave();
  await staff.post(`${path}/cancel`);
  const second = await follow(shop, path, buyer.token, last);
  await second.ended;
  expect(second.statuses()).toEqual(["cancelled"]);
  const third = await follow(shop, path, buyer.token, seen);
  await third.ended;
  expect(third.statuses()).toEqual(["reserved", "cancelled"]);
  expect((await follow(shop, path, buyer.token, second.ids()[0])).status).toBe(204);
  const odd = await follow(shop, path, buyer.token, "not a number");
  await odd.ended;
  expect(odd.statuses()).toEqual(["pending", "reserved", "cancelled"]);
});

test("an order of somebody else can't be followed and can't be told from none; the staff follows all", async () => {
  await using shop = await startListening();
  const { path, staff } = await reserved(shop);
  const stranger = await shop.signUp();
  const [foreign, none] = [
    await follow(shop, path, stranger.token),
    await follow(shop, "/api/v2/orders/999999", stranger.token),
  ];
  expect([foreign.status, none.status]).toEqual([404, 404]);
  const follower = await follow(shop, path, staff.token);
  await until(() => follower.statuses().length === 2);
  follower.leave();
});

test("whose session is revoked hears of no further step", async () => {
  await using shop = await startListening();
  const { path, staff, buyer } = await reserved(shop);
  const follower = await follow(shop, path, buyer.token);
  await until(() => follower.statuses().length === 2);
  await shop.db.updateTable("sessions").set({ revoked_at: "now" }).where("user_id", "=", buyer.id).execute();
  await staff.post(`${path}/pay`, { reference: "payment-1" });
  await follower.ended;
  expect(follower.statuses()).toEqual(["pending", "reserved"]);
});

test("a user has ten streams at once and no more, and one that is left makes room", async () => {
  await using shop = await startListening();
  const { path, buyer } = await reserved(shop);
  const followers = await Promise.all(Array.from({ length: OF_USER }, () => follow(shop, path, buyer.token)));
  expect(followers.map(({ status }) => status)).toEqual(followers.map(() => 200));
  const refused = await follow(shop, path, buyer.token);
  expect([refused.status, refused.retryAfter]).toEqual([429, "5"]);
  followers[0]?.leave();
  const again = await until(async () => {
    const one = await follow(shop, path, buyer.token);
    return one.status === 200 && one;
  });
  for (const one of [...followers, again]) one.leave();
});

test("a server that stops ends the streams instead of waiting for them, and a stream ends by itself after its time", async () => {
  const shop = await startListening();
  const { path, buyer } = await reserved(shop);
  const follower = await follow(shop, path, buyer.token);
  await until(() => follower.statuses().length === 2);
  await shop[Symbol.asyncDispose]();
  await follower.ended;
  await using short = await startListening({ ORDER_STREAM_SECONDS: "1" });
  const other = await reserved(short);
  const timed = await follow(short, other.path, other.buyer.token);
  await timed.ended;
  expect(timed.statuses()).toEqual(["pending", "reserved"]);
});

type Listening = TestApp & { base: string };

async function startListening(env: Record<string, string> = LONG): Promise<Listening> {
  const shop = await startApp({ env });
  return { ...shop, base: await shop.app.listen({ host: "127.0.0.1", port: 0 }) };
}

async function reserved(shop: TestApp) {
  const [kettle, buyer, staff] = [await stocked(shop, { stock: 5 }), await shop.signUp(), await shop.signUp("staff")];
  const { headers } = await order(buyer, [[kettle, 1]]);
  await shop.drained();
  return { buyer, staff, path: String(headers.location) };
}

/** Opens a stream as a browser would and gathers what it says. */
async function follow(shop: Listening, path: string, token: string, last?: string) {
  const leaving = new AbortController();
  const headers = { authorization: `Bearer ${token}`, ...(last !== undefined && { "last-event-id": last }) };
  const response = await fetch(`${shop.base}${path}/events`, { headers, signal: leaving.signal });
  let text = "";
  const gather = async (): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of response.body ?? []) text += decoder.decode(bytes as Uint8Array, { stream: true });
  };
  // A stream that is cut off ends as one that is over.
  const ended = gather().catch(() => undefined);
  const all = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = ""]) => found);
  return {
    status: response.status,
    retryAfter: response.headers.get("retry-after"),
    statuses: () => all(/"status":"(\w+)"/g),
    ids: () => all(/^id: (\d+)$/gm),
    ended,
    leave: () => leaving.abort(),
  };
}
