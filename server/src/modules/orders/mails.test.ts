import { sql } from "kysely";
import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { order, statuses, stocked } from "#test/shop.ts";
import { until } from "#test/until.ts";

test("a buyer is told once of each step that matters: kept, rejected, cancelled, expired and shipped", async () => {
  await using shop = await startApp();
  const [kettle, buyer, staff] = [await stocked(shop, { stock: 9 }), await shop.signUp(), await shop.signUp("staff")];
  const place = async (quantity: number) => String((await order(buyer, [[kettle, quantity]])).headers.location);
  const [shipped, cancelled, rejected, expired] = [await place(1), await place(1), await place(10), await place(1)];
  await shop.drained();
  await staff.post(`${shipped}/pay`, { reference: "payment-1" });
  await staff.post(`${shipped}/ship`, { carrier: "Post", tracking: "1Z" });
  await staff.post(`${shipped}/deliver`);
  await buyer.post(`${cancelled}/cancel`);
  await sql`UPDATE orders SET expires_at = now() WHERE status = 'reserved'`.execute(shop.db);
  await until(async () => (await statuses(shop))["expired"] === 1);
  const [one, two, three, four] = [shipped, cancelled, rejected, expired].map((path) => path.split("/").at(-1));
  expect((await told(shop)).toSorted()).toEqual(
    [
      `Your order ${one} is kept for you`,
      `Your order ${two} is kept for you`,
      `Your order ${three} could not be accepted`,
      `Your order ${four} is kept for you`,
      `Your order ${one} is on its way`,
      `Your order ${two} was cancelled`,
      `Your order ${four} was not paid in time`,
    ].toSorted(),
  );
});

test("a message that comes again tells nobody again, and neither does a request that is refused", async () => {
  await using shop = await startApp();
  const [kettle, buyer] = [await stocked(shop, { stock: 5 }), await shop.signUp()];
  const { headers } = await order(buyer, [[kettle, 2]]);
  await shop.drained();
  await sql`UPDATE deliveries SET handled_at = NULL, attempts = 0, due_at = now() WHERE consumer = 'orders.reserve'`.execute(
    shop.db,
  );
  await shop.drained();
  await Promise.all(Array.from({ length: 5 }, () => buyer.post(`${String(headers.location)}/cancel`)));
  expect(await told(shop)).toHaveLength(2);
});

test("whoever is gone or locked out is told nothing, and the order goes its way", async () => {
  await using shop = await startApp();
  const [kettle, buyer, staff] = [await stocked(shop, { stock: 5 }), await shop.signUp(), await shop.signUp("staff")];
  const { headers } = await order(buyer, [[kettle, 2]]);
  await shop.drained();
  await shop.db.updateTable("users").set({ status: "disabled" }).where("id", "=", buyer.id).execute();
  expect((await staff.post(`${String(headers.location)}/cancel`)).body["status"]).toBe("cancelled");
  expect(await told(shop)).toHaveLength(1);
});

/** The subjects of all mails, once everything is sent. */
async function told(shop: TestApp): Promise<string[]> {
  await shop.drained();
  const staff = await shop.signUp("staff");
  const mails = (await staff.get("/api/v1/operations/mails")).body["data"] as { subject: string; sent_at: string }[];
  expect(mails.filter((mail) => mail.sent_at === null)).toEqual([]);
  return mails.map(({ subject }) => subject);
}
