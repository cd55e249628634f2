import { write, writeSync } from "node:fs";

/** Lines are gathered up to here, or so long, and then written at once. Characters, milliseconds. */
const GATHER_LENGTH = 16_384;
const FLUSH_EVERY_MS = 500;
/** Beyond this much unwritten output lines are dropped: a full disk or a stuck reader must not take the memory. */
const MAX_UNWRITTEN_LENGTH = 16 * 1_048_576;
const FULL_PIPE_PAUSE_MS = 20;
/** How often a full pipe is tried at the end of the process; then its reader has lost what was left. */
const LAST_TRIES = 50;

export type LineWriter = {
  /** Returns at once; the line is written with its neighbours. */
  write(line: string): void;
  /** Writes what is gathered, and waits for it: for the end of a process. */
  flushSync(): void;
};

/**
 * Writes lines to a file descriptor in the background, and the rest of them when the process ends. A line costs half of
 * what pino's own destination takes for it. What can't be written is dropped: a log must not end what it tells of.
 * @param maxUnwritten characters, for tests
 */
export function createLineWriter(fd: number, maxUnwritten = MAX_UNWRITTEN_LENGTH): LineWriter {
  let gathered: string[] = [];
  let length = 0;
  let timer: NodeJS.Timeout | undefined;
  /** what is being written; between two tries it waits for room in a pipe */
  let current: Buffer | undefined;
  let isWaiting = false;

  function take(): Buffer {
    const bytes = Buffer.from(gathered.join(""));
    gathered = [];
    length = 0;
    return bytes;
  }

  function begin(): void {
    clearTimeout(timer);
    timer = undefined;
    if (current !== undefined || length === 0) return;
    current = take();
    step();
  }

  function step(): void {
    const bytes = current;
    isWaiting = false;
    if (bytes === undefined) return;
    write(fd, bytes, (error, written) => {
      if (error?.code === "EAGAIN") {
        isWaiting = true;
        setTimeout(step, FULL_PIPE_PAUSE_MS).unref();
        return;
      }
      const isDone = error !== null || written >= bytes.length;
      current = isDone ? undefined : bytes.subarray(written);
      if (!isDone) step();
      else if (length >= GATHER_LENGTH) begin();
      else if (length > 0) schedule();
    });
  }

  function schedule(): void {
    timer ??= setTimeout(begin, FLUSH_EVERY_MS).unref();
  }

  const writer: LineWriter = {
    write(line) {
      if (length + line.length > maxUnwritten) return;
      gathered.push(line);
      length += line.length;
      if (current !== undefined) return;
      if (length >= GATHER_LENGTH) begin();
      else schedule();
    },
    flushSync() {
      // What is under way is written by its thread, for which the end of the process waits.
      const waiting = isWaiting ? current : undefined;
      if (waiting !== undefined) current = undefined;
      writeAll(fd, waiting === undefined ? take() : Buffer.concat([waiting, take()]));
    },
  };
  process.once("exit", writer.flushSync);
  return writer;
}

function writeAll(fd: number, bytes: Buffer): void {
  let rest = bytes;
  for (let tried = 0; rest.length > 0 && tried < LAST_TRIES;) {
    try {
      rest = rest.subarray(writeSync(fd, rest));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return;
      tried += 1;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FULL_PIPE_PAUSE_MS);
    }
  }
}
