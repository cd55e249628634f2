import { spawnSync } from "node:child_process";
import { constants, createReadStream, openSync, readFileSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { until } from "#test/until.ts";
import { createLineWriter } from "./line-writer.ts";

const PROBE = "\0";
const LOG = path.resolve(import.meta.dirname, "log.ts");

test("every line is written, whole and in its order, however fast they come", async () => {
  await using folder = await makeFolder();
  const file = path.join(folder.path, "log");
  const writer = createLineWriter(openSync(file, "w"));
  const lines = linesOf(20_000);
  for (const line of lines) writer.write(line);
  await until(() => readFileSync(file, "utf8").length >= lines.join("").length);
  expect(readFileSync(file, "utf8")).toBe(lines.join(""));
});

test("a reader that pauses gets every line later, and one that pauses for long gets those that there was room for", async () => {
  await using folder = await makeFolder();
  const fifo = path.join(folder.path, "pipe");
  spawnSync("mkfifo", [fifo]);
  const fd = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const writer = createLineWriter(fd, 400_000);
  const lines = linesOf(30_000);
  // More than a pipe takes, and more than is kept.
  for (const line of lines) writer.write(line);
  await until(() => isFull(fd));
  let read = "";
  const reader = createReadStream(fifo, { encoding: "utf8" });
  reader.on("data", (text) => (read += text.toString().replaceAll(PROBE, "")));
  await until(() => read.endsWith("\n") && read.length > 300_000);
  writer.write("after\n");
  await until(() => read.endsWith("after\n"));
  reader.destroy();
  const kept = read.split("\n").length - 2;
  expect(kept).toBeGreaterThan(10_000);
  expect(read).toBe(`${lines.slice(0, kept).join("")}after\n`);
});

test.each([
  ["ends by itself", ""],
  ["is ended", "process.exit(0)"],
  ["dies of an error", "throw new Error('gone')"],
])("the last lines of a process that %s are written", (_, end) => {
  const source = `import { createLog } from ${JSON.stringify(LOG)};
    createLog({ logLevel: "info", process: "test" }).info("last words"); ${end}`;
  const { stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", source], { encoding: "utf8" });
  expect(stdout).toContain('"msg":"last words"');
});

/** Whether a pipe takes nothing more; while it does, it is given something that no line has. */
function isFull(fd: number): boolean {
  try {
    return writeSync(fd, PROBE) === 0;
  } catch {
    return true;
  }
}

function linesOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `{"n":${index},"text":"für ${index % 7}"}\n`);
}

async function makeFolder(): Promise<AsyncDisposable & { path: string }> {
  const folder = await mkdtemp(path.join(tmpdir(), "shopfloor-lines-"));
  return { path: folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
