import { sql } from "kysely";
import { expect, test } from "vitest";
import { startApp, type TestApp } from "#test/app.ts";
import { until } from "#test/until.ts";
import { defineSchedule, nextMoment, type Schedule } from "./schedule.ts";
import { beginDue, startScheduler } from "./scheduler.ts";
import { claimDue, noteEnd, registerSchedules } from "./stored-schedules.ts";

const SCHEDULERS = 5;
const MOMENTS = 100;
const PATH = "/api/v1/operations/schedules";
const never = new AbortController().signal;

test.each([
  ["the hour that is left out", "30 2 * * *", "2026-03-28T12:00:00Z", ["2026-03-29T01:00", "2026-03-30T00:30"]],
  ["the hour that comes twice", "30 2 * * *", "2026-10-24T12:00:00Z", ["2026-10-25T00:30", "2026-10-26T01:30"]],
  ["every hour of a long night", "0 * * * *", "2026-10-24T23:30:00Z", ["2026-10-25T00:00", "2026-10-25T01:00"]],
  ["a second", "* * * * * *", "2026-03-29T00:59:59.5Z", ["2026-03-29T01:00", "2026-03-29T01:00:01"]],
])("a clock in Berlin is put forward and back: %s is right", (_name, cron, after, expected) => {
  const moments: Date[] = [];
  for (let last = new Date(after); moments.length < expected.length; moments.push(last)) {
    last = nextMoment({ cron, timezone: "Europe/Berlin" }, last);
  }
  expect(moments).toEqual(expected.map((text) => new Date(`${text}Z`)));
});

test("a schedule that says nothing sensible is refused where it is declared", () => {
  const run = async () => undefined;
  for (const wrong of [{ cron: "61 * * * *" }, { timezone: "Europe/61" }, { cron: "0 0 30 2 *" }]) {
    expect(() => defineSchedule({ name: "test.none", cron: "* * * * *", timezone: "UTC", run, ...wrong })).toThrow(
      /61|nothing follows/,
    );
  }
});

// D22
test(`of ${SCHEDULERS} schedulers that look at the same time one runs each of ${MOMENTS} moments`, async () => {
  await using shop = await startApp({ worker: false });
  const moments: number[] = [];
  const schedule = await registered(shop, async (_context, { moment }) => void moments.push(moment.getTime()));
  const expected: number[] = [];
  for (let n = 0; n < MOMENTS; n += 1) {
    expected.push(await makeDue(shop, `${MOMENTS - n} minutes`));
    const looks = Array.from({ length: SCHEDULERS }, () => beginDue(shop.context, [schedule], never));
    await Promise.all((await Promise.all(looks)).flat());
  }
  expect(moments).toEqual(expected);
});

test("what was missed while nobody was there is made up for once, and the next moment is to come", async () => {
  await using shop = await startApp({ worker: false });
  let count = 0;
  const schedule = await registered(shop, async () => void (count += 1));
  await makeDue(shop, "3 days");
  const schedulers = Array.from({ length: SCHEDULERS }, () => startScheduler(shop.context, [schedule]));
  await until(() => count > 0);
  const row = await until(async () => {
    const now = await rowOf(shop);
    return now.last_outcome === "succeeded" && now;
  });
  await Promise.all(schedulers.map((scheduler) => scheduler.stop()));
  expect([count, row.runs]).toEqual([1, 1]);
  expect(new Date(row.due_at).getTime()).toBeGreaterThan(Date.now());
});

test("a worker dies in the middle: its moment is run by another once the lease is over, and it can't end it any more", async () => {
  await using shop = await startApp({ worker: false });
  const moments: Date[] = [];
  const schedule = await registered(shop, async (_context, { moment }) => void moments.push(moment));
  await makeDue(shop, "1 hour");
  const [lost] = await claimDue(shop.db, [schedule.name], 200);
  if (lost === undefined) throw new Error("nothing was due");
  expect(await beginDue(shop.context, [schedule], never)).toEqual([]);
  const [begun] = await until(async () => {
    const runs = await beginDue(shop.context, [schedule], never);
    return runs.length > 0 && runs;
  });
  await begun;
  expect(moments).toEqual([lost.moment]);
  const after = await rowOf(shop);
  expect(await noteEnd(shop.db, lost)).toBe(false);
  expect(await noteEnd(shop.db, lost, { error: new Error("late"), pause: true })).toBe(false);
  expect(await rowOf(shop)).toEqual(after);
});

test("a run that takes longer than its lease keeps it, and nobody else begins", async () => {
  await using shop = await startApp({ worker: false, env: { LEASE_MS: "300" } });
  const end = Promise.withResolvers<void>();
  const schedule = await registered(shop, async () => await end.promise);
  await makeDue(shop, "1 hour");
  const [begun] = await beginDue(shop.context, [schedule], never);
  const { held_until: first } = await rowOf(shop);
  const others: Promise<void>[] = [];
  await until(async () => {
    others.push(...(await beginDue(shop.context, [schedule], never)));
    const { rows } = await sql<{ over: boolean }>`SELECT now() > ${first}::timestamptz AS over`.execute(shop.db);
    return rows[0]?.over;
  });
  end.resolve();
  await begun;
  expect([others, (await rowOf(shop)).last_outcome]).toEqual([[], "succeeded"]);
});

test("a run that fails is told of, and comes again after a pause, until it succeeds", async () => {
  await using shop = await startApp({ worker: false });
  const staff = await shop.signUp("staff");
  let broken = true;
  const schedule = await registered(shop, async () => {
    if (broken) throw new Error("the till is stuck");
  });
  const moment = new Date(await makeDue(shop, "1 hour"));
  expect((await shownTo(staff))["last_run"]).toBeNull();
  await Promise.all(await beginDue(shop.context, [schedule], never));
  const failed = await shownTo(staff);
  expect(failed["last_run"]).toMatchObject({ outcome: "failed", error: "Error: the till is stuck" });
  expect([failed["last_succeeded_at"], new Date(String(failed["next_at"]))]).toEqual([null, moment]);
  expect(Number(failed["lag_seconds"])).toBeGreaterThan(3_000);
  expect(await beginDue(shop.context, [schedule], never)).toEqual([]);
  broken = false;
  const scheduler = startScheduler(shop.context, [schedule]);
  const mended = await until(async () => {
    const now = await shownTo(staff);
    return now["last_succeeded_at"] !== null && now;
  });
  await scheduler.stop();
  expect(mended).toMatchObject({ lag_seconds: 0, last_run: { outcome: "succeeded", error: null } });
});

test("a worker that is asked to stop tells its runs, waits for them, and leaves the rest to the next at once", async () => {
  await using shop = await startApp({ worker: false });
  const begun = Promise.withResolvers<void>();
  const schedule = await registered(shop, async (_context, { stopping }) => {
    begun.resolve();
    await new Promise((resolve) => stopping.addEventListener("abort", resolve));
    stopping.throwIfAborted();
  });
  const due = await makeDue(shop, "1 hour");
  const scheduler = startScheduler(shop.context, [schedule]);
  await begun.promise;
  await scheduler.stop();
  const [again] = await claimDue(shop.db, [schedule.name], 1_000);
  expect(again?.moment.getTime()).toBe(due);
});

test("a new pattern counts from now on, and one that stays keeps what is due", async () => {
  await using shop = await startApp({ worker: false });
  const schedule = await registered(shop, async () => undefined);
  const due = await makeDue(shop, "1 hour");
  await tell(shop, schedule);
  expect(new Date((await rowOf(shop)).due_at).getTime()).toBe(due);
  await tell(shop, { ...schedule, cron: "0 0 1 1 *" });
  expect((await rowOf(shop)).due_at).toMatch(/-01-01T00:00:00/);
});

test("what the shop does at certain times is on the staff's list from the start, and is done", async () => {
  await using shop = await startApp();
  const staff = await shop.signUp("staff");
  const { body } = await staff.get(PATH);
  const listed = body["data"] as { name: string; cron: string }[];
  expect(listed).toEqual([
    expect.objectContaining({ name: "orders.expire", cron: "* * * * * *", timezone: "UTC" }),
    expect.objectContaining({ name: "platform.sweep", cron: "*/10 * * * *", timezone: "UTC" }),
  ]);
  await until(async () => (await shownTo(staff, "orders.expire"))["last_succeeded_at"] !== null);
});

/** A schedule of this test: at midnight, and whenever `makeDue` says so. */
async function registered(shop: TestApp, run: Schedule["run"]): Promise<Schedule> {
  const schedule = defineSchedule({ name: "test.tick", cron: "0 0 * * *", timezone: "UTC", run });
  await tell(shop, schedule);
  return schedule;
}

async function tell(shop: TestApp, schedule: Schedule): Promise<void> {
  await shop.db.transaction().execute((trx) => registerSchedules(trx, [schedule]));
}

/** Lets it be due since so long ago. @returns the moment, in ms */
async function makeDue(shop: TestApp, ago: string): Promise<number> {
  const { rows } = await sql<{ due_at: string }>`
    UPDATE schedules SET due_at = date_trunc('second', now() - ${ago}::interval) WHERE name = 'test.tick'
    RETURNING due_at`.execute(shop.db);
  return new Date(rows[0]?.due_at ?? "").getTime();
}

async function rowOf(shop: TestApp) {
  return await shop.db.selectFrom("schedules").selectAll().where("name", "=", "test.tick").executeTakeFirstOrThrow();
}

async function shownTo(
  staff: Awaited<ReturnType<TestApp["signUp"]>>,
  name = "test.tick",
): Promise<Record<string, unknown>> {
  const { body } = await staff.get(PATH);
  const found = (body["data"] as Record<string, unknown>[]).find((schedule) => schedule["name"] === name);
  if (found === undefined) throw new Error(`nobody knows ${name}`);
  return found;
}
