import { expect, test } from "vitest";
import { type Client, startApp, type TestApp } from "#test/app.ts";
import { actionsOf } from "#test/audit-actions.ts";
import { makeDeadLetter, makeDeadLetters } from "#test/operations.ts";
import { available, expectStockToAddUp, order, statuses, stocked } from "#test/shop.ts";
import { until } from "#test/until.ts";

const PATH = "/api/v1/operations/dead-letters";
const RACES = 50;
const MANY = 1_003;
type Row = Record<string, unknown>;

test("the staff sees what was given up: consumer, topic, payload, error and attempts", async () => {
  await using shop = await startApp();
  const [staff, admin] = [await shop.signUp("staff"), await shop.signUp("admin")];
  const poison = await poisoned(shop, { correlation_id: "poisoned-1" });
  const [seen] = await listed(staff, "consumer=orders.reserve");
  expect(seen).toMatchObject({
    id: poison,
    consumer: "orders.reserve",
    topic: "order.placed",
    payload: { order_id: "none" },
    correlation_id: "poisoned-1",
    attempts: 5,
  });
  expect(seen?.["error"]).toContain("order.placed");
  for (const query of ["topic=order.placed", "correlation_id=poisoned-1", "sort=dead_at", "sort=-message_id,id"]) {
    expect([query, (await listed(admin, query)).map(({ id }) => id)]).toEqual([query, [poison]]);
  }
  for (const query of ["topic=item.changed", "consumer=nobody", "correlation_id=other"]) {
    expect([query, await listed(staff, query)]).toEqual([query, []]);
  }
  expect((await staff.post(`${PATH}/${poison}/replay`)).statusCode).toBe(403);
});

test("the list pages through letters that died at the same moment without leaving one out", async () => {
  await using shop = await startApp({ worker: false });
  const staff = await shop.signUp("staff");
  const ids = await makeDeadLetters(shop, 7);
  await shop.db.updateTable("deliveries").set({ dead_at: "2026-01-01T00:00:00.12Z" }).execute();
  const seen: unknown[] = [];
  let next: string | undefined = `${PATH}?limit=3`;
  while (next !== undefined) {
    const { body } = await staff.get(next);
    seen.push(...(body["data"] as Row[]).map(({ id }) => id));
    const cursor = body["next_cursor"] as string | null;
    next = cursor === null ? undefined : `${PATH}?limit=3&cursor=${encodeURIComponent(cursor)}`;
  }
  expect(seen.toSorted()).toEqual(ids.toSorted());
});

// D12
test("replayed twice at the same time, fifty times over, a letter is delivered once, and the log names each hand", async () => {
  await using shop = await startApp();
  const admin = await shop.signUp("admin");
  const kettle = await stocked(shop, { stock: 1_000 });
  for (let race = 0; race < RACES; race += 1) {
    const { id, letter } = await deadOrder(shop, kettle);
    const answers = await Promise.all([1, 2].map(() => admin.post(`${PATH}/${letter}/replay`)));
    expect(answers.map(({ statusCode }) => statusCode).toSorted()).toEqual([204, 404]);
    await shop.drained();
    expect(await statusOf(shop, id)).toBe("reserved");
  }
  expect(await available(shop, kettle)).toBe(1_000 - RACES);
  expect((await actionsOf(shop)).filter((action) => action === "dead_letter.replayed")).toHaveLength(RACES);
  await expectStockToAddUp(shop);
});

// D12, after the test of the same name in pg-boss: redriving tolerates collisions
test("one by one, all at once and discarded, all at the same time: each letter has one end, and none is stranded", async () => {
  await using shop = await startApp();
  const admin = await shop.signUp("admin");
  const kettle = await stocked(shop, { stock: 1_000 });
  const letters: { id: number; letter: string }[] = [];
  for (let n = 0; n < RACES; n += 1) letters.push(await deadOrder(shop, kettle));
  const some = letters.slice(0, RACES / 2);
  const answers = await Promise.all([
    ...some.map(({ letter }) => admin.post(`${PATH}/${letter}/replay`)),
    ...some.map(({ letter }) => admin.delete(`${PATH}/${letter}`)),
    admin.post(`${PATH}/replay?consumer=orders.reserve`),
    admin.post(`${PATH}/replay`),
  ]);
  expect(answers.filter(({ statusCode }) => statusCode >= 500)).toEqual([]);
  const rest = await admin.post(`${PATH}/replay`);
  expect(rest.body["left"]).toBe(0);
  await shop.drained();
  const discarded = answers.slice(RACES / 2, RACES).filter(({ statusCode }) => statusCode === 204).length;
  expect(await listed(admin)).toEqual([]);
  const { pending = 0, reserved = 0 } = await statuses(shop);
  expect([pending, reserved]).toEqual([discarded, RACES - discarded]);
  expect(await available(shop, kettle)).toBe(1_000 - reserved);
  await expectStockToAddUp(shop);
});

test("what a dead letter has decided stays decided: the rejected order is not reserved by its replay", async () => {
  await using shop = await startApp();
  const admin = await shop.signUp("admin");
  const kettle = await stocked(shop, { stock: 5 });
  const { id, letter } = await deadOrder(shop, kettle);
  await shop.db.updateTable("orders").set({ status: "rejected", reject_reason: "processing_failed" }).execute();
  expect((await admin.post(`${PATH}/${letter}/replay`)).statusCode).toBe(204);
  await shop.drained();
  expect([await statusOf(shop, id), await available(shop, kettle)]).toEqual(["rejected", 5]);
});

test("a letter that is still poison dies again under the same id, with its attempts counted from one", async () => {
  await using shop = await startApp();
  const admin = await shop.signUp("admin");
  const letter = await poisoned(shop, { correlation_id: "poisoned-2" });
  expect((await admin.post(`${PATH}/${letter}/replay`)).statusCode).toBe(204);
  await until(async () => {
    await hurry(shop);
    return (await listed(admin)).length === 1;
  });
  expect((await listed(admin))[0]).toMatchObject({ id: letter, attempts: 5 });
  const failures = await shop.db.selectFrom("delivery_failures").select("attempt").orderBy("id").execute();
  expect(failures.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4, 5, 1, 2, 3, 4, 5]);
});

test("a thousand are replayed at once, the oldest first, and the answer says what is left", async () => {
  await using shop = await startApp({ worker: false });
  const admin = await shop.signUp("admin");
  await makeDeadLetters(shop, MANY);
  const first = await admin.post(`${PATH}/replay?consumer=orders.reserve`);
  expect(first.body).toEqual({ replayed: 1_000, left: MANY - 1_000 });
  expect((await admin.post(`${PATH}/replay`)).body).toEqual({ replayed: MANY - 1_000, left: 0 });
  expect((await admin.post(`${PATH}/replay`)).body).toEqual({ replayed: 0, left: 0 });
});

test("what is discarded is nobody's work, is no dead letter, and can't be replayed", async () => {
  await using shop = await startApp();
  const admin = await shop.signUp("admin");
  const letter = await makeDeadLetter(shop);
  expect((await admin.delete(`${PATH}/${letter}`)).statusCode).toBe(204);
  expect((await admin.delete(`${PATH}/${letter}`)).body).toMatchObject({ code: "dead_letter.not_found" });
  expect((await admin.post(`${PATH}/${letter}/replay`)).statusCode).toBe(404);
  expect((await admin.post(`${PATH}/replay`)).body).toEqual({ replayed: 0, left: 0 });
  expect(await listed(admin)).toEqual([]);
  expect((await actionsOf(shop)).filter((action) => action.startsWith("dead_letter."))).toEqual([
    "dead_letter.discarded",
  ]);
});

test("what names no dead letter is not found, whatever it looks like", async () => {
  await using shop = await startApp({ worker: false });
  const admin = await shop.signUp("admin");
  const ids = ["1.orders.reserve", "999999999999999.nobody", "0.orders.reserve", "1", "1.", ".x", "1.Orders"];
  for (const id of [...ids, "9999999999999999.x", "1.a%20b"]) {
    expect([id, (await admin.post(`${PATH}/${id}/replay`)).statusCode]).toEqual([id, 404]);
    expect([id, (await admin.delete(`${PATH}/${id}`)).statusCode]).toEqual([id, 404]);
  }
});

async function listed(client: Client, query = ""): Promise<Row[]> {
  const answer = await client.get(`${PATH}?${query}`);
  expect(answer.statusCode).toBe(200);
  return answer.body["data"] as Row[];
}

/** An order whose reservation was given up, with nothing decided about it yet. */
async function deadOrder(shop: TestApp, product: number): Promise<{ id: number; letter: string }> {
  const admin = await shop.signUp("admin");
  await admin.post("/api/v1/operations/consumers/orders.reserve/pause");
  const placed = await order(await shop.signUp(), [[product, 1]]);
  expect(placed.body).toMatchObject({ status: "pending" });
  const id = Number(placed.body["id"]);
  const { id: message_id } = await shop.db
    .selectFrom("outbox")
    .select("id")
    .where("topic", "=", "order.placed")
    .orderBy("id", "desc")
    .limit(1)
    .executeTakeFirstOrThrow();
  await shop.db
    .updateTable("deliveries")
    .set({ attempts: 5, dead_at: "now" })
    .where("message_id", "=", message_id)
    .where("consumer", "=", "orders.reserve")
    .execute();
  await admin.post("/api/v1/operations/consumers/orders.reserve/resume");
  return { id, letter: `${message_id}.orders.reserve` };
}

/** A message that no handler can take, tried until it is dead. @returns the dead letter's id */
async function poisoned(shop: TestApp, { correlation_id }: { correlation_id: string }): Promise<string> {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const payload = JSON.stringify({ order_id: "none" });
  const { id: message_id } = await shop.db
    .insertInto("outbox")
    .values({ topic: "order.placed", payload, correlation_id, traceparent })
    .returning("id")
    .executeTakeFirstOrThrow();
  await shop.db.insertInto("deliveries").values({ message_id, consumer: "orders.reserve" }).execute();
  await until(async () => {
    await hurry(shop);
    const dead = shop.db.selectFrom("deliveries").select("dead_at").where("message_id", "=", message_id);
    return (await dead.executeTakeFirstOrThrow()).dead_at !== null;
  });
  return `${message_id}.orders.reserve`;
}

/** Makes what waits after a failure due at once; what is being tried is left alone. */
async function hurry(shop: TestApp): Promise<void> {
  const failed = shop.db.selectFrom("delivery_failures").select("message_id");
  const soon = new Date(Date.now() + 20_000).toISOString();
  await shop.db
    .updateTable("deliveries")
    .set({ due_at: "now" })
    .where("message_id", "in", failed)
    .where("dead_at", "is", null)
    .where("handled_at", "is", null)
    .where("due_at", "<", soon)
    .execute();
}

async function statusOf(shop: TestApp, id: number): Promise<string> {
  return (await shop.db.selectFrom("orders").select("status").where("id", "=", id).executeTakeFirstOrThrow()).status;
}
