import { expect, test } from "vitest";
import { messagingChecks } from "#src/platform/messaging/checks.ts";
import { type Client, startApp } from "#test/app.ts";
import { actionsOf } from "#test/audit-actions.ts";
import { figure } from "#test/faults/database/figure.ts";
import { makeDeadLetter } from "#test/operations.ts";
import { order, statuses, stocked } from "#test/shop.ts";
import { until } from "#test/until.ts";

const MANY = 5_000;
const RESERVE = "/api/v1/operations/consumers/orders.reserve";
type Queue = Record<string, unknown>;

test("the staff sees what waits for each consumer, how old it is, and who is empty", async () => {
  await using shop = await startApp({ worker: false });
  const staff = await shop.signUp("staff");
  const kettle = await stocked(shop, { stock: 5 });
  for (let n = 0; n < 3; n += 1) await order(await shop.signUp(), [[kettle, 1]]);
  await makeDeadLetter(shop);
  const placed = shop.db.selectFrom("outbox").select("id").where("topic", "=", "order.placed").orderBy("id").limit(1);
  await shop.db
    .updateTable("deliveries")
    .set({ attempts: 1, due_at: "tomorrow" })
    .where("message_id", "=", placed)
    .execute();
  await shop.db.updateTable("outbox").set({ occurred_at: "yesterday" }).where("id", "=", placed).execute();
  const seen = await queueOf(staff, "orders.reserve");
  expect(seen).toMatchObject({ waiting: 2, retrying: 1, dead: 1, handled_last_minute: 0, paused: false });
  expect(seen["oldest_age_seconds"]).toBeGreaterThan(3_600);
  expect(seen["lag_seconds"]).toBeLessThan(3_600);
  expect(await queueOf(staff, "mail.send")).toMatchObject({ waiting: 0, oldest_age_seconds: 0, lag_seconds: 0 });
});

// D20: what a stopped worker leaves waiting is seen to wait, and is gone soon after it is back
test("with the worker away depth and lag rise; it comes back, and everything drains", async () => {
  await using shop = await startApp({ worker: false });
  const staff = await shop.signUp("staff");
  const kettle = await stocked(shop, { stock: 20 });
  const buyer = await shop.signUp();
  for (let n = 0; n < 20; n += 1) await order(buyer, [[kettle, 1]]);
  const before = await queueOf(staff, "orders.reserve");
  expect(before["waiting"]).toBe(20);
  const later = await until(async () => {
    const now = await queueOf(staff, "orders.reserve");
    return Number(now["lag_seconds"]) > Number(before["lag_seconds"]) ? now : undefined;
  });
  expect(Number(later["oldest_age_seconds"])).toBeGreaterThan(Number(before["oldest_age_seconds"]));
  await using _worker = await shop.startWorker();
  await shop.drained();
  expect(await queueOf(staff, "orders.reserve")).toMatchObject({ waiting: 0, lag_seconds: 0, handled_last_minute: 20 });
});

// D20
test("five thousand messages that waited for a worker are gone within ten seconds of its coming", async () => {
  await using shop = await startApp({ worker: false });
  const staff = await shop.signUp("staff");
  const kettle = await stocked(shop, { stock: 1 });
  const message = { topic: "item.changed", payload: JSON.stringify({ item_id: kettle }), correlation_id: "many" };
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const messages = Array.from({ length: MANY }, () => ({ ...message, traceparent }));
  const written = await shop.db.insertInto("outbox").values(messages).returning("id").execute();
  const deliveries = written.map(({ id: message_id }) => ({ message_id, consumer: "catalogue.index" }));
  await shop.db.insertInto("deliveries").values(deliveries).execute();
  expect((await queueOf(staff, "catalogue.index"))["waiting"]).toBeGreaterThanOrEqual(MANY);
  const startedAt = performance.now();
  await using _worker = await shop.startWorker();
  await shop.drained();
  figure(`${MANY} waiting messages handled ${Math.round(performance.now() - startedAt)} ms after the worker's start`);
  expect(await queueOf(staff, "catalogue.index")).toMatchObject({ waiting: 0, retrying: 0, lag_seconds: 0 });
});

test("a paused consumer begins nothing new, in no worker, also not after a restart, and loses no attempt", async () => {
  await using shop = await startApp();
  await using _second = await shop.startWorker();
  const [staff, admin] = [await shop.signUp("staff"), await shop.signUp("admin")];
  const kettle = await stocked(shop, { stock: 5 });
  expect((await staff.post(`${RESERVE}/pause`)).statusCode).toBe(403);
  expect((await admin.post(`${RESERVE}/pause`)).body).toEqual({ consumer: "orders.reserve", paused: true });
  const buyer = await shop.signUp();
  await order(buyer, [[kettle, 1]]);
  await using _third = await shop.startWorker();
  await order(buyer, [[kettle, 1]]);
  // Those of another consumer, written after it, are a sign that the workers have looked since.
  await until(async () => Number((await queueOf(staff, "catalogue.index"))["handled_last_minute"]) > 0);
  await stocked(shop, { stock: 1 });
  await until(async () => Number((await queueOf(staff, "catalogue.index"))["handled_last_minute"]) > 1);
  const paused = await queueOf(staff, "orders.reserve");
  expect(paused).toMatchObject({ waiting: 2, retrying: 0, paused: true });
  expect(paused["paused_at"]).toMatch(/Z$/);
  expect(await statuses(shop)).toEqual({ pending: 2 });
  expect((await admin.post(`${RESERVE}/resume`)).body).toEqual({ consumer: "orders.reserve", paused: false });
  await shop.drained();
  expect(await statuses(shop)).toEqual({ reserved: 2 });
});

test("pausing and resuming twice is doing it once, the log says so, and nobody else's name is taken", async () => {
  await using shop = await startApp({ worker: false });
  const admin = await shop.signUp("admin");
  for (const act of ["pause", "pause", "resume", "resume"]) {
    expect((await admin.post(`${RESERVE}/${act}`)).statusCode).toBe(200);
  }
  expect(await actionsOf(shop)).toEqual(["consumer.paused", "consumer.resumed"]);
  for (const act of ["pause", "resume"]) {
    const answer = await admin.post(`/api/v1/operations/consumers/nobody/${act}`);
    expect(answer.body).toMatchObject({ status: 404, code: "consumer.not_found" });
  }
});

test("an hour-long pause is no forgotten work: a delivery that waits for it is not what 'verify' looks for", async () => {
  await using shop = await startApp({ worker: false });
  const [admin, staff] = [await shop.signUp("admin"), await shop.signUp("staff")];
  const kettle = await stocked(shop, { stock: 5 });
  await admin.post(`${RESERVE}/pause`);
  await order(await shop.signUp(), [[kettle, 1]]);
  await shop.db
    .updateTable("deliveries")
    .set({ due_at: "yesterday" })
    .where("consumer", "=", "orders.reserve")
    .execute();
  const overdue = messagingChecks.find(({ name }) => name.includes("due for more than"));
  const offenders = () => shop.db.transaction().execute(async (trx) => (await overdue?.find(trx)) ?? []);
  const ofReserve = async () => (await offenders()).filter((one) => one.includes("orders.reserve"));
  expect(await ofReserve()).toEqual([]);
  expect(Number((await queueOf(staff, "orders.reserve"))["lag_seconds"])).toBeGreaterThan(3_600);
  await admin.post(`${RESERVE}/resume`);
  expect(await ofReserve()).toHaveLength(1);
});

async function queueOf(client: Client, consumer: string): Promise<Queue> {
  const { body } = await client.get("/api/v1/operations/queues");
  const queue = (body["data"] as Queue[]).find((one) => one["consumer"] === consumer);
  if (queue === undefined) throw new Error(`there is no queue of ${consumer}`);
  return queue;
}
