import { expect, test } from "vitest";
import { createLog } from "./log.ts";

function capture() {
  const lines: string[] = [];
  const log = createLog({ logLevel: "info", process: "test" }, { write: (line: string) => void lines.push(line) });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? "{}") as Record<string, unknown> };
}

const SECRET = "canary-7731";
const NAMES = [
  "authorization",
  "cookie",
  "set-cookie",
  "password",
  "new_password",
  "token",
  "access_token",
  "refresh_token",
];

test.each(NAMES)("%s is masked, at the top and one level down", (name) => {
  const { log, lines, last } = capture();
  log.info({ [name]: SECRET, inside: { [name]: SECRET, kept: 1 } }, "hello");
  expect(lines.join("")).not.toContain(SECRET);
  expect(last()).toMatchObject({ [name]: "***", inside: { [name]: "***", kept: 1 } });
});

test("a line has the time in RFC 3339, its level in words, and the process", () => {
  const { log, last } = capture();
  log.warn({ a: 1 }, "hello");
  expect(last()).toMatchObject({ level: "warn", process: "test", pid: process.pid, a: 1, msg: "hello" });
  expect(last()["time"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test("line breaks in what a client sent stay inside of their line", () => {
  const { log, lines } = capture();
  log.info({ path: '/a\n{"level":"error"}' }, "b\nc");
  expect(lines).toHaveLength(1);
  expect(lines[0]?.trimEnd()).not.toContain("\n");
});

test("an error is logged with all its causes, without the rows that a database quotes", () => {
  const { log, lines, last } = capture();
  const bottom = Object.assign(new Error("duplicate key"), {
    code: "23505",
    constraint: "users_email_unique",
    detail: SECRET,
  });
  const several = new AggregateError([new Error("one"), new Error("two")], "both failed", { cause: bottom });
  log.error({ err: new Error("top", { cause: several }) }, "failed");
  expect(last()["err"]).toMatchObject({
    message: "top",
    cause: {
      message: "both failed",
      errors: [{ message: "one" }, { message: "two" }],
      cause: { message: "duplicate key", code: "23505", constraint: "users_email_unique" },
    },
  });
  expect(lines.join("")).not.toContain(SECRET);
});

test("a chain of causes that leads back to its start, and thrown things that are no errors, are logged too", () => {
  const { log, last } = capture();
  const circle: Error & { cause?: unknown } = new Error("circle");
  circle.cause = circle;
  log.error({ err: circle }, "failed");
  expect(last()["err"]).toMatchObject({ message: "circle", cause: { message: "circle" } });
  log.error({ err: "just text" }, "failed");
  expect(last()["err"]).toEqual({ type: "string", message: "just text" });
});
