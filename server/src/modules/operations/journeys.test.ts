import { afterEach, expect, test } from "vitest";
import { plantMutant } from "#src/platform/faults/mutant.ts";
import { type Client, startApp, type TestApp } from "#test/app.ts";
import { order, stocked } from "#test/shop.ts";
import { until } from "#test/until.ts";

type Entry = { occurred_at: string; kind: string; what: string; details: Record<string, unknown> };

afterEach(() => plantMutant(undefined));

test("a journey tells of request, order, messages, attempts and stock, in the order in which they happened", async () => {
  await using shop = await startApp();
  const [staff, buyer] = [await shop.signUp("staff"), await shop.signUp()];
  const kettle = await stocked(shop, { stock: 5 });
  const placed = await order(buyer, [[kettle, 2]], { "x-correlation-id": "journey-7" });
  const id = Number(placed.body["id"]);
  await shop.drained();
  const { entries, truncated } = await journeyOf(staff, "journey-7");
  expect(truncated).toBe(false);
  const told = entries.filter(({ kind }) => kind !== "mail").map(({ what }) => what);
  expect(told.filter((what) => what === "a request of user " + buyer.id)).toHaveLength(1);
  const line = [`order ${id}: pending`, "order.placed", `order ${id}: reserved`, `item ${kettle}: reserved`];
  const places = [...line, "orders.reserve: handled"].map((what) => told.indexOf(what));
  expect(places).not.toContain(-1);
  expect(places).toEqual(places.toSorted((a, b) => a - b));
  const moment = (at: string) => at.replace("Z", "");
  const times = entries.map(({ occurred_at }) => moment(occurred_at));
  expect(times).toEqual(times.toSorted());
  const handled = entries.find(({ what }) => what === "orders.reserve: handled");
  expect(handled?.details).toMatchObject({ consumer: "orders.reserve", state: "handled", attempt: 1 });
});

test("each failed attempt is in it, with its number and its error, and so is the end", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  await failing(shop, "journey-8");
  const attempts = deliveriesOf((await journeyOf(staff, "journey-8")).entries);
  expect(attempts.map(({ what }) => what)).toEqual([
    ...[1, 2, 3, 4, 5].map((n) => `orders.reserve: attempt ${n} failed`),
    "orders.reserve: dead",
  ]);
  expect(attempts[0]?.details).toMatchObject({ attempt: 1, error: expect.stringContaining("order.placed") });
});

test("the mutant that leaves the failures out is caught by the count of attempts", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  await failing(shop, "journey-9");
  const isComplete = async () => {
    const { entries } = await journeyOf(staff, "journey-9");
    const end = entries.find(({ details }) => details["state"] === "dead");
    return deliveriesOf(entries).length === Number(end?.details["attempt"]) + 1;
  };
  expect(await isComplete()).toBe(true);
  plantMutant("journey_without_failures");
  expect(await isComplete()).toBe(false);
});

test("audit and mails belong to it: a password that was forgotten, the mail, and how it was sent", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  const { email } = await shop.signUp();
  await shop.anonymous.post("/api/v1/auth/password-reset", { email }, { "x-correlation-id": "journey-10" });
  await shop.drained();
  const { entries } = await journeyOf(staff, "journey-10");
  const told = entries.map(({ what }) => what);
  expect(told).toEqual(expect.arrayContaining(["mail password_reset: queued", "mail password_reset: sent"]));
  expect(entries.map(({ kind }) => kind)).toEqual(expect.arrayContaining(["request", "audit", "message", "delivery"]));
  expect(JSON.stringify(entries)).not.toContain(email);
});

test("a journey costs as many statements however long it is", async () => {
  await using shop = await startApp({ worker: false });
  const [staff, buyer] = [await shop.signUp("staff"), await shop.signUp()];
  const kettle = await stocked(shop, { stock: 50 });
  const counted = async (correlation_id: string) => {
    const before = shop.statements();
    await journeyOf(staff, correlation_id);
    return shop.statements() - before;
  };
  await order(buyer, [[kettle, 1]], { "x-correlation-id": "short" });
  for (let n = 0; n < 20; n += 1) await order(buyer, [[kettle, 1]], { "x-correlation-id": "long" });
  await counted("short");
  expect(await counted("long")).toBe(await counted("short"));
});

test("of what nobody knows there is no journey, and customers are told of none", async () => {
  await using shop = await startApp({ worker: false });
  const [staff, buyer] = [await shop.signUp("staff"), await shop.signUp()];
  const path = "/api/v1/operations/journeys/nobody-was-here";
  expect((await staff.get(path)).body).toMatchObject({ status: 404, code: "journey.not_found" });
  expect((await buyer.get(path)).statusCode).toBe(403);
});

async function journeyOf(client: Client, correlation_id: string): Promise<{ entries: Entry[]; truncated: boolean }> {
  const answer = await client.get(`/api/v1/operations/journeys/${correlation_id}`);
  expect(answer.statusCode).toBe(200);
  return answer.body as { entries: Entry[]; truncated: boolean };
}

function deliveriesOf(entries: Entry[]): Entry[] {
  return entries.filter(({ kind }) => kind === "delivery");
}

/** A message that no handler can take, tried until it is dead. */
async function failing(shop: TestApp, correlation_id: string): Promise<void> {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const message = { topic: "order.placed", payload: JSON.stringify({ order_id: "none" }), correlation_id, traceparent };
  const { id: message_id } = await shop.db
    .insertInto("outbox")
    .values(message)
    .returning("id")
    .executeTakeFirstOrThrow();
  await shop.db.insertInto("deliveries").values({ message_id, consumer: "orders.reserve" }).execute();
  const delivery = shop.db.selectFrom("deliveries").select(["attempts", "dead_at"]);
  const failures = shop.db.selectFrom("delivery_failures").select("id").where("message_id", "=", message_id);
  await until(async () => {
    const { attempts, dead_at } = await delivery.where("message_id", "=", message_id).executeTakeFirstOrThrow();
    const noted = (await failures.execute()).length;
    // Only what is not being tried: a lease must run its time.
    if (noted === attempts && dead_at === null) {
      const mine = shop.db.updateTable("deliveries").set({ due_at: "now" }).where("message_id", "=", message_id);
      await mine.where("attempts", "=", noted).execute();
    }
    return dead_at !== null;
  });
}
