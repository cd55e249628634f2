import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { subscriptions } from "#src/composition.ts";
import { queueNameOf } from "#src/platform/messaging/brokers/sqs.ts";

const TEMPLATE = path.resolve(import.meta.dirname, "../../../deploy/aws/template.yaml");
const PREFIX = "${QueuePrefix}";

const template = await readFile(TEMPLATE, "utf8");
const wanted = subscriptions.map(({ consumer }) => queueNameOf(PREFIX, consumer)).toSorted();

/** Logical names of the queues of consumers, and what they are called. */
const queues = new Map(
  [...template.matchAll(/^ {2}(\w+):\n {4}Type: AWS::SQS::Queue\n(?: {4}.*\n)*? {6}QueueName: !Sub "(.*)"$/gm)].map(
    ([, logical = "", name = ""]) => [logical, name] as const,
  ),
);
queues.delete("DeadLetters");

test("the template has the queues that the relay sends to, and no others", () => {
  expect([...queues.values()].toSorted()).toEqual(wanted);
});

test("each queue is a source of the function, and has an alarm for its age and a line in both policies", () => {
  for (const logical of queues.keys()) {
    const source = `  ${logical}Source:\n    Type: AWS::Lambda::EventSourceMapping\n    Properties:\n`;
    expect.soft(template).toContain(`${source}      EventSourceArn: !GetAtt ${logical}.Arn\n`);
    expect.soft(template).toContain(`  ${logical}Late:\n    Type: AWS::CloudWatch::Alarm\n`);
    expect.soft(template.match(new RegExp(`^ +- !GetAtt ${logical}\\.Arn$`, "gm")), logical).toHaveLength(2);
  }
});

test("every batch may fail in part, or one record would bring all others of its batch again", () => {
  expect(template.match(/Type: AWS::Lambda::EventSourceMapping/g)).toHaveLength(wanted.length);
  expect(template.match(/FunctionResponseTypes: \[ReportBatchItemFailures\]/g)).toHaveLength(wanted.length);
});

test("queues hide what they hand out for six times as long as the function may take", () => {
  const limit = Number(/^ {6}Timeout: (\d+)$/m.exec(template)?.[1]);
  const hidden = [...template.matchAll(/VisibilityTimeout: (\d+)/g)].map(([, seconds]) => Number(seconds));
  expect(hidden).toEqual(wanted.map(() => 6 * limit));
});

test("no statement allows everything of a kind", () => {
  expect(
    [...template.matchAll(/^ *(?:- )?(?:Action|Resource|Principal): .*\*.*$/gm)].map(([line]) => line.trim()),
  ).toEqual([expect.stringMatching(/:log-stream:\*"$/)]);
});
