import { appendFileSync, renameSync, statSync } from "node:fs";
import path from "node:path";
import type { Readable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

const PRIVATE_FILE = 0o600;
const ROTATE_BYTES = 16 * 1024 * 1024;
// A line without an end is not collected for ever.
const MAX_LINE = 64 * 1024;
const ALARMING = /"level":("warn"|"error"|"fatal"|[456]0)/;

type Show = (line: string) => void;

/** For a terminal: everything goes to `<folder>/<name>.log`, warnings and worse also to the terminal, in short. */
export function createOutput(folder: string, show: Show): (name: string, stream: Readable) => void {
  return (name, stream) => {
    const file = createLogFile(path.join(folder, `${name}.log`), show);
    const decoder = new StringDecoder("utf8");
    let rest = "";
    stream.on("data", (chunk: Buffer) => {
      file(chunk);
      const lines = (rest + decoder.write(chunk)).split("\n");
      rest = (lines.pop() ?? "").slice(-MAX_LINE);
      for (const line of lines) showLine(name, line, show);
    });
    stream.on("error", () => undefined);
  };
}

/** A log line of a child in short: `worker: the queue is slow (reason)`; undefined when it is no cause for alarm. */
export function shorten(line: string): string | undefined {
  if (!line.startsWith("{")) return line.trim() || undefined;
  if (!ALARMING.test(line)) return undefined;
  try {
    const { msg, err } = JSON.parse(line) as { msg?: string; err?: { message?: string } };
    const reason = err?.message === undefined || err.message === msg ? "" : ` (${err.message})`;
    return `${msg ?? line}${reason}`;
  } catch {
    return line;
  }
}

function showLine(name: string, line: string, show: Show): void {
  const short = shorten(line);
  if (short !== undefined) show(`${name}: ${short}`);
}

// Written at once and not through a stream: what a process said before the machine stopped is what one looks for.
function createLogFile(file: string, show: Show): (chunk: Buffer) => void {
  let size = sizeOf(file);
  let complained = false;
  return (chunk) => {
    try {
      if (size > ROTATE_BYTES) {
        renameSync(file, `${file}.1`);
        size = 0;
      }
      appendFileSync(file, chunk, { mode: PRIVATE_FILE });
      size += chunk.length;
    } catch (error) {
      // A full disk stops the log and not the shop.
      if (!complained) show(`${file} cannot be written: ${error instanceof Error ? error.message : String(error)}`);
      complained = true;
    }
  };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
