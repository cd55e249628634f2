import { randomUUID } from "node:crypto";
import {
  GetQueueAttributesCommand,
  GetQueueUrlCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLog } from "#src/platform/telemetry/log.ts";
import { startApp } from "#test/app.ts";
import { type BrokerServer, describeBroker, ids, opened, parcels } from "#test/broker.contract.ts";
import { figure } from "#test/faults/database/figure.ts";
import { ELASTICMQ_HOME, startElasticMq } from "#test/elasticmq-server.ts";
import { wanting } from "#test/search-engine.ts";
import { expectStockToAddUp, order, statuses, stocked } from "#test/shop.ts";
import { startMischief } from "#test/sqs-mischief.ts";
import { until } from "#test/until.ts";
import { openSqsBroker, queueNameOf } from "./sqs.ts";

const LEASE_MS = 2_000;
const CONSUMER = "orders.reserve";
const ORDERS = 200;
const START_TIMEOUT_MS = 150_000;

const brings = ELASTICMQ_HOME === undefined ? ` (${wanting("elasticmq")})` : "";

let elasticMq: Awaited<ReturnType<typeof startElasticMq>>;

describe.skipIf(ELASTICMQ_HOME === undefined)(`SQS${brings}`, () => {
  beforeAll(async () => {
    elasticMq = await startElasticMq(ELASTICMQ_HOME ?? "");
  }, START_TIMEOUT_MS);
  afterAll(() => elasticMq?.[Symbol.asyncDispose]());

  describeBroker("SQS", () => startServer());
  testQueues();
  testBadDays();
});

// One server for all tests, with names of its own for each.
async function startServer(endpoint = elasticMq.url): Promise<BrokerServer & { prefix: string }> {
  const prefix = `test-${randomUUID()}`;
  const log = createLog({ logLevel: "silent", process: "test" });
  const options = { endpoint, region: "eu-central-1", queuePrefix: prefix, log, leaseMs: LEASE_MS };
  return {
    prefix,
    leaseMs: LEASE_MS,
    open: () => openSqsBroker(options),
    kill: () => elasticMq.signal("SIGKILL"),
    start: () => elasticMq.start(),
    async [Symbol.asyncDispose]() {},
  };
}

function testQueues(): void {
  test("a queue hides for a lease what it has handed out, and has a dead-letter queue behind it", async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startServer());
    const broker = await opened(stack, server);
    await broker.publish(parcels(1, CONSUMER));
    const client = connect(stack);
    const name = queueNameOf(server.prefix, CONSUMER);
    expect(name).toBe(`${server.prefix}-orders-reserve`);
    const settings = await attributesOf(client, name);
    expect(settings).toMatchObject({ VisibilityTimeout: "2" });
    const { QueueArn } = await attributesOf(client, `${name}-dead`);
    const { deadLetterTargetArn, maxReceiveCount } = JSON.parse(settings["RedrivePolicy"] ?? "{}") as Redrive;
    expect({ deadLetterTargetArn, maxReceiveCount: Number(maxReceiveCount) }).toEqual({
      deadLetterTargetArn: QueueArn,
      maxReceiveCount: 20,
    });
  });

  test("what was hidden for less time than it took is deleted all the same, and what is no parcel is dropped", async () => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startServer());
    const broker = await opened(stack, server);
    const client = connect(stack);
    const sent = parcels(25, CONSUMER);
    await broker.publish(sent);
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: queueNameOf(server.prefix, CONSUMER) }));
    await client.send(new SendMessageCommand({ QueueUrl, MessageBody: "[]" }));
    const hung = Promise.withResolvers<void>();
    const taken: number[] = [];
    broker.consume(CONSUMER, { batch: 200 }, async (batch) => {
      taken.push(...ids(batch));
      await hung.promise;
    });
    await until(() => taken.length > 0);
    const got = new Set<number>();
    broker.consume(CONSUMER, { batch: 200 }, async (batch) => ids(batch).forEach((id) => got.add(id)));
    await until(() => got.size === sent.length);
    // The first reader's time was over long ago, and somebody else has deleted what it deletes now.
    hung.resolve();
    await until(async () => (await countOf(client, server.prefix)) === 0);
    expect((await client.send(new ReceiveMessageCommand({ QueueUrl }))).Messages ?? []).toEqual([]);
  });
}

function testBadDays(): void {
  test("batches taken in part, receipts that have expired, and parcels that come again in any order lose nothing", async () => {
    await using stack = new AsyncDisposableStack();
    const mischief = stack.use(await startMischief(elasticMq.url));
    const server = stack.use(await startServer(mischief.url));
    const broker = await opened(stack, server);
    const sent = parcels(200, CONSUMER);
    // As the relay does: what SQS refuses to the last is published again.
    await until(() =>
      broker.publish(sent).then(
        () => true,
        () => false,
      ),
    );
    const got = new Set<number>();
    broker.consume(CONSUMER, { batch: 200 }, async (batch) => ids(batch).forEach((id) => got.add(id)));
    await until(() => got.size === sent.length);
    expect([...got].toSorted()).toEqual(ids(sent).toSorted());
    await until(() => mischief.counts.expired > 0);
    expect(mischief.counts.refused).toBeGreaterThan(0);
    expect(mischief.counts.repeated).toBeGreaterThan(0);
  });

  test("orders over an SQS on a bad day are each reserved once, and nothing is lost", async () => {
    await using mischief = await startMischief(elasticMq.url);
    const env = {
      MESSAGING: "sqs",
      SQS_ENDPOINT: mischief.url,
      AWS_REGION: "eu-central-1",
      SQS_QUEUE_PREFIX: "bad-day",
      LEASE_MS: String(LEASE_MS),
      RELAY_PATIENCE_MS: "1000",
    };
    await using shop = await startApp({ env });
    await using _second = await shop.startWorker();
    const kettle = await stocked(shop, { stock: ORDERS });
    const buyer = await shop.signUp();
    const placed = Array.from({ length: ORDERS + 5 }, () => order(buyer, [[kettle, 1]]));
    for (const { statusCode } of await Promise.all(placed)) expect(statusCode).toBe(202);
    await shop.drained();
    expect(await statuses(shop)).toEqual({ reserved: ORDERS, rejected: 5 });
    await expectStockToAddUp(shop);
    const { count } = await shop.db
      .selectFrom("mails")
      .select((mails) => mails.fn.countAll<number>().as("count"))
      .executeTakeFirstOrThrow();
    expect(count).toBe(ORDERS + 5);
    expect(Math.min(...Object.values(mischief.counts))).toBeGreaterThan(0);
    figure(`SQS on a bad day: ${ORDERS + 5} orders, ${JSON.stringify(mischief.counts)}`);
  });
}

function connect(stack: AsyncDisposableStack): SQSClient {
  const credentials = { accessKeyId: "local", secretAccessKey: "local" };
  const client = new SQSClient({ endpoint: elasticMq.url, region: "eu-central-1", credentials });
  return stack.adopt(client, (one) => one.destroy());
}

type Redrive = { deadLetterTargetArn: string; maxReceiveCount: string | number };

async function attributesOf(client: SQSClient, QueueName: string): Promise<Record<string, string>> {
  const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName }));
  const asked = await client.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["All"] }));
  return asked.Attributes ?? {};
}

/** Those that wait, and those that somebody has. */
async function countOf(client: SQSClient, prefix: string): Promise<number> {
  const attributes = await attributesOf(client, queueNameOf(prefix, CONSUMER));
  const { ApproximateNumberOfMessages, ApproximateNumberOfMessagesNotVisible } = attributes;
  return Number(ApproximateNumberOfMessages) + Number(ApproximateNumberOfMessagesNotVisible);
}
