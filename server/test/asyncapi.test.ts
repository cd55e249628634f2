import { Ajv, type AnySchema, type Options } from "ajv";
import addFormats from "ajv-formats";
import { expect, test } from "vitest";
import specs from "@asyncapi/specs";
import { parseTraceparent } from "#src/platform/telemetry/trace.ts";
import { toCloudEvent } from "#src/platform/messaging/cloudevents.ts";
import { startApp } from "./app.ts";
import { order, stocked } from "./shop.ts";

type Operation = { action: string; channel: { $ref: string }; messages: { $ref: string }[] };
type Document = {
  channels: Record<string, object>;
  operations: Record<string, Operation>;
  components: { schemas: Record<string, AnySchema> };
};

test("asyncapi.json is what the events say of themselves (scripts/node --run asyncapi writes it)", async () => {
  await using shop = await startApp({ worker: false });
  const document = (await shop.anonymous.get("/asyncapi.json")).body;
  await expect(`${JSON.stringify(document, null, 2)}\n`).toMatchFileSnapshot("../../asyncapi.json");
});

test("asyncapi.json keeps to the specification's own schema, and every reference in it leads somewhere", async () => {
  await using shop = await startApp({ worker: false });
  const { body } = await shop.anonymous.get("/asyncapi.json");
  // It brings along the meta-schema that Ajv would add of its own accord.
  const isAsyncApi = newAjv({ meta: false, validateSchema: false }).compile(specs.schemas["3.0.0"] as AnySchema);
  expect([isAsyncApi(body), isAsyncApi.errors]).toEqual([true, null]);
  expect(isAsyncApi({ ...body, operations: { broken: { action: "shout" } } })).toBe(false);
  const references = JSON.stringify(body).matchAll(/"\$ref":"#\/([^"]+)"/g);
  for (const [, path = ""] of references) expect([path, resolve(body, path) === undefined]).toEqual([path, false]);
});

test("every event has a channel, and every consumer that is registered receives from it", async () => {
  await using shop = await startApp();
  const { channels, operations } = (await shop.anonymous.get("/asyncapi.json")).body as unknown as Document;
  const sent = Object.values(operations).filter(({ action }) => action === "send");
  expect(sent.map(({ channel }) => channel.$ref).toSorted()).toEqual(
    Object.keys(channels)
      .map((topic) => `#/channels/${topic}`)
      .toSorted(),
  );
  const subscriptions = await shop.db.selectFrom("subscriptions").select(["topic", "consumer"]).execute();
  expect(subscriptions.length).toBeGreaterThan(5);
  for (const { topic, consumer } of subscriptions) {
    expect(operations[`${consumer}.${topic}`]).toMatchObject({
      action: "receive",
      channel: { $ref: `#/channels/${topic}` },
    });
  }
});

test("what is published is, in its envelope, what asyncapi.json promises", async () => {
  await using shop = await startApp();
  const kettle = await stocked(shop, { stock: 5 });
  await order(await shop.signUp(), [[kettle, 5]], { "x-correlation-id": "journey-1" });
  await shop.drained();
  const { components } = (await shop.anonymous.get("/asyncapi.json")).body as unknown as Document;
  const ajv = newAjv();
  const messages = await shop.db.selectFrom("outbox").selectAll().execute();
  expect(new Set(messages.map(({ topic }) => topic)).size).toBeGreaterThan(2);
  for (const { id, topic, payload, occurred_at, ...origin } of messages) {
    const event = toCloudEvent({ id, topic, payload, occurred_at, origin });
    const isPromised = ajv.compile(components.schemas[topic] ?? false);
    expect([event, isPromised(event), isPromised.errors]).toEqual([event, true, null]);
    expect(parseTraceparent(event.traceparent)).toBeDefined();
    expect(isPromised({ ...event, data: { surprise: 1 } })).toBe(false);
  }
});

function newAjv(options: Options = {}): Ajv {
  // The specification's schema knows words that Ajv does not.
  const ajv = new Ajv({ strict: false, ...options });
  addFormats.default(ajv);
  return ajv;
}

function resolve(document: unknown, path: string): unknown {
  const steps = path.split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
  return steps.reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], document);
}
