import { sql } from "kysely";
import { expect, test } from "vitest";
import { verifyDatabase } from "#src/app.ts";
import { PERMISSIONS } from "#src/permissions.ts";
import { type Answer, type Client, startApp, type TestApp } from "#test/app.ts";
import { available, expectStockToAddUp, order, statuses, stocked } from "#test/shop.ts";
import { until } from "#test/until.ts";
import { expireOrders } from "./expire-orders.ts";
import type { OrderStatus } from "./schemas.ts";
import { isFinal, mayBecome, NEXT } from "./transitions.ts";

const STATUSES = Object.keys(NEXT) as OrderStatus[];
const PAYMENT = { reference: "payment-1" };

test("an order is paid, shipped and delivered; shipping takes it off the shelf and changes nothing in what is free", async () => {
  await using shop = await startApp();
  const { staff, kettle, path } = await reserved(shop, { stock: 5, quantity: 2 });
  const stock = async () => (await staff.get(`/api/v2/products/${kettle}/stock`)).body;
  expect((await staff.post(`${path}/pay`, PAYMENT)).body).toMatchObject({
    status: "paid",
    payment_reference: "payment-1",
    expires_at: null,
  });
  expect(await stock()).toMatchObject({ on_hand: 5, reserved: 2, available: 3 });
  const shipped = await staff.post(`${path}/ship`, { carrier: "Post", tracking: "1Z" });
  expect(shipped.body).toMatchObject({ status: "shipped", carrier: "Post", tracking: "1Z" });
  expect(await stock()).toMatchObject({ on_hand: 3, reserved: 0, available: 3 });
  const { body } = await staff.post(`${path}/deliver`);
  expect((body["history"] as { status: string }[]).map(({ status }) => status)).toEqual([
    "pending",
    "reserved",
    "paid",
    "shipped",
    "delivered",
  ]);
  const moved = await staff.get(`/api/v2/products/${kettle}/movements?kind=shipped`);
  expect(moved.body["data"]).toMatchObject([{ on_hand_delta: -2, reserved_delta: -2 }]);
  await expectAllToHold(shop);
});

test("each state allows its steps and no others, and a refusal names the state", async () => {
  await using shop = await startApp();
  const acts: [string, OrderStatus, object?][] = [
    ["cancel", "cancelled"],
    ["pay", "paid", { reference: "another" }],
    ["ship", "shipped", {}],
    ["deliver", "delivered"],
  ];
  const { staff, paths } = await oneInEveryState(shop);
  for (const status of STATUSES.filter((one) => one !== "pending")) {
    for (const [act, next, body] of acts.filter(([, wanted]) => !mayBecome(status, wanted))) {
      const refused = await staff.post(`${paths[status]}/${act}`, body);
      expect([status, act, refused.statusCode, refused.body["detail"]]).toEqual([
        status,
        act,
        409,
        `the order is ${status}`,
      ]);
      expect((await staff.get(paths[status])).body["status"]).toBe(status);
      expect(next).not.toBe(status === "reserved" ? "paid" : undefined);
    }
  }
  await expectAllToHold(shop);
});

test("the table of steps leads from pending to everywhere, never back, and ends", () => {
  const reached = new Set<OrderStatus>();
  const walk = (status: OrderStatus, before: OrderStatus[]): void => {
    expect(before).not.toContain(status);
    reached.add(status);
    for (const next of NEXT[status]) walk(next, [...before, status]);
  };
  walk("pending", []);
  expect(reached).toEqual(new Set(STATUSES));
  expect(STATUSES.filter(isFinal).toSorted()).toEqual(["cancelled", "delivered", "expired", "rejected"]);
});

test("the same payment again is the same payment, and another one is refused", async () => {
  await using shop = await startApp();
  const { staff, path } = await reserved(shop);
  const answers = await Promise.all(Array.from({ length: 5 }, () => staff.post(`${path}/pay`, PAYMENT)));
  expect(answers.map((answer) => answer.statusCode)).toEqual([200, 200, 200, 200, 200]);
  const other = await staff.post(`${path}/pay`, { reference: "payment-2" });
  expect([other.statusCode, other.body["code"]]).toEqual([409, "order.wrong_state"]);
  await staff.post(`${path}/ship`, {});
  expect((await staff.post(`${path}/pay`, PAYMENT)).body).toMatchObject({ status: "shipped" });
  expect((await staff.get(path)).body["history"]).toHaveLength(4);
});

test("an order that is paid can be cancelled, and what it held is free again, once", async () => {
  await using shop = await startApp();
  const { staff, buyer, kettle, path } = await reserved(shop, { stock: 5, quantity: 2 });
  await staff.post(`${path}/pay`, PAYMENT);
  const answers = await Promise.all([buyer.post(`${path}/cancel`), staff.post(`${path}/cancel`)]);
  expect(answers.map((answer) => answer.statusCode).toSorted()).toEqual([200, 409]);
  expect(await available(shop, kettle)).toBe(5);
  await expectAllToHold(shop);
});

test("a change under If-Match is made to the version that was read, or not at all", async () => {
  await using shop = await startApp();
  const { staff, path } = await reserved(shop);
  const etag = String((await staff.get(path)).headers.etag);
  expect((await staff.post(`${path}/pay`, PAYMENT, { "if-match": etag })).statusCode).toBe(200);
  const late = await staff.post(`${path}/cancel`, undefined, { "if-match": etag });
  expect([late.statusCode, (await staff.get(path)).body["status"]]).toEqual([412, "paid"]);
});

test("only the staff pays, ships and delivers; a buyer is told so about every order", async () => {
  await using shop = await startApp();
  const { buyer, path } = await reserved(shop);
  for (const [act, body] of [["pay", PAYMENT], ["ship", {}], ["deliver"]] as [string, object?][]) {
    expect((await buyer.post(`${path}/${act}`, body)).statusCode).toBe(403);
  }
  expect(PERMISSIONS["order.pay"].roles).not.toContain("customer");
});

test("a reserved order that nobody pays expires, gives back its stock, and can't be paid any more", async () => {
  await using shop = await startApp();
  const { staff, kettle, path } = await reserved(shop, { stock: 5, quantity: 2 });
  expect((await staff.get(path)).body["expires_at"]).toMatch(/^20/);
  await makeDue(shop);
  await until(async () => (await staff.get(path)).body["status"] === "expired");
  expect(await available(shop, kettle)).toBe(5);
  const late = await staff.post(`${path}/pay`, PAYMENT);
  expect([late.statusCode, late.body["detail"]]).toEqual([409, "the order is expired"]);
  await expectAllToHold(shop);
});

test("what is paid does not expire, and a worker of the version before leaves no order without a time", async () => {
  await using shop = await startApp();
  const { staff, path } = await reserved(shop);
  await staff.post(`${path}/pay`, PAYMENT);
  const { path: timeless } = await reserved(shop);
  await shop.db.updateTable("orders").set({ expires_at: null }).where("status", "=", "reserved").execute();
  await until(async () => (await staff.get(timeless)).body["expires_at"] !== null);
  await makeDue(shop);
  await until(async () => (await staff.get(timeless)).body["status"] === "expired");
  expect((await staff.get(path)).body["status"]).toBe("paid");
});

// The schedule lets one worker at it; a second one comes when the first was held up past its lease.
test("300 orders that are due at once expire once each, also with several runs of the expiry at the same time", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 300 });
  const buyer = await shop.signUp();
  await Promise.all(Array.from({ length: 300 }, () => order(buyer, [[kettle, 1]])));
  await shop.drained();
  await makeDue(shop);
  await Promise.all(Array.from({ length: 3 }, () => expireOrders(shop.context)));
  await until(async () => (await statuses(shop))["expired"] === 300);
  expect(await available(shop, kettle)).toBe(300);
  const events = await shop.db.selectFrom("order_events").select("id").where("status", "=", "expired").execute();
  expect(events).toHaveLength(300);
  await expectAllToHold(shop);
});

const RACES = 500;
const AT_ONCE = 50;
const RACES_WITHIN_MS = 120_000;

test(
  `${RACES} races of payment, cancellation and expiry: each has one outcome, and the stock is exact`,
  { timeout: RACES_WITHIN_MS },
  async ({ annotate }) => {
    await using shop = await startApp();
    await using _second = await shop.startWorker();
    const [kettle, buyer, staff] = [
      await stocked(shop, { stock: RACES }),
      await shop.signUp(),
      await shop.signUp("staff"),
    ];
    for (let race = 0; race < RACES; race += AT_ONCE) {
      const placed = await Promise.all(Array.from({ length: AT_ONCE }, () => order(buyer, [[kettle, 1]])));
      await shop.drained();
      const due = makeDue(shop);
      const answers = await Promise.all(
        placed.flatMap(({ body }) => [
          staff.post(`/api/v2/orders/${body["id"]}/pay`, PAYMENT),
          buyer.post(`/api/v2/orders/${body["id"]}/cancel`),
        ]),
      );
      await due;
      expect(answers.filter(({ statusCode }) => statusCode !== 200 && statusCode !== 409)).toEqual([]);
    }
    await until(async () => (await statuses(shop))["reserved"] === undefined);
    const ends = await statuses(shop);
    await annotate(JSON.stringify(ends));
    expect(Object.values(ends).reduce((sum, count) => sum + count, 0)).toBe(RACES);
    expect(await available(shop, kettle)).toBe(RACES - (ends["paid"] ?? 0));
    await expectAllToHold(shop);
  },
);

test(
  `${RACES} races of shipping and cancellation: each order goes out or comes back, never both`,
  { timeout: RACES_WITHIN_MS },
  async ({ annotate }) => {
    await using shop = await startApp();
    const [kettle, buyer, staff] = [
      await stocked(shop, { stock: RACES }),
      await shop.signUp(),
      await shop.signUp("staff"),
    ];
    for (let race = 0; race < RACES; race += AT_ONCE) {
      const placed = await Promise.all(Array.from({ length: AT_ONCE }, () => order(buyer, [[kettle, 1]])));
      await shop.drained();
      const paths = placed.map(({ body }) => `/api/v2/orders/${body["id"]}`);
      await Promise.all(paths.map((path) => staff.post(`${path}/pay`, PAYMENT)));
      const pairs = await Promise.all(
        paths.map(async (path, index) => {
          const acts = [() => staff.post(`${path}/ship`, {}), () => buyer.post(`${path}/cancel`)];
          return await Promise.all((index % 2 === 0 ? acts : acts.toReversed()).map((act) => act()));
        }),
      );
      expect(pairs.map(codesOf)).toEqual(pairs.map(() => [200, 409]));
    }
    const ends = await statuses(shop);
    await annotate(JSON.stringify(ends));
    const shipped = ends["shipped"] ?? 0;
    const stock = (await staff.get(`/api/v2/products/${kettle}/stock`)).body;
    expect(stock).toMatchObject({ on_hand: RACES - shipped, reserved: 0 });
    await expectAllToHold(shop);
  },
);

function codesOf(answers: Answer[]): number[] {
  return answers.map((answer) => answer.statusCode).toSorted();
}

/** One order that waits for its payment. */
async function reserved(shop: TestApp, { stock, quantity } = { stock: 5, quantity: 1 }) {
  const [kettle, buyer, staff] = [await stocked(shop, { stock }), await shop.signUp(), await shop.signUp("staff")];
  const placed = await order(buyer, [[kettle, quantity]]);
  await shop.drained();
  return { kettle, buyer, staff, path: String(placed.headers.location) };
}

async function oneInEveryState(shop: TestApp): Promise<{ staff: Client; paths: Record<OrderStatus, string> }> {
  const [kettle, buyer, staff] = [await stocked(shop, { stock: 20 }), await shop.signUp(), await shop.signUp("staff")];
  const place = async (quantity: number) => String((await order(buyer, [[kettle, quantity]])).headers.location);
  const paths: Partial<Record<OrderStatus, string>> = { expired: await place(1) };
  await shop.drained();
  await makeDue(shop);
  await until(async () => (await statuses(shop))["expired"] === 1);
  for (const status of STATUSES) paths[status] ??= await place(status === "rejected" ? 21 : 1);
  await shop.drained();
  await staff.post(`${paths.cancelled}/cancel`);
  for (const status of ["paid", "shipped", "delivered"] as const) await staff.post(`${paths[status]}/pay`, PAYMENT);
  for (const status of ["shipped", "delivered"] as const) await staff.post(`${paths[status]}/ship`, {});
  await staff.post(`${paths.delivered}/deliver`);
  return { staff, paths: paths as Record<OrderStatus, string> };
}

/** Lets the time of everything that is reserved be over. */
async function makeDue(shop: TestApp): Promise<void> {
  await sql`UPDATE orders SET expires_at = now() WHERE status = 'reserved'`.execute(shop.db);
}

async function expectAllToHold(shop: TestApp): Promise<void> {
  await shop.drained();
  await expectStockToAddUp(shop);
  const findings = await verifyDatabase(shop.url);
  expect(findings.filter((finding) => finding.offending.length > 0)).toEqual([]);
}
