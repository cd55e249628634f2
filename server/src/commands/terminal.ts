/** Where a command tells what it does: lines, and one line that is overwritten while something grows. */
export type Terminal = { line(text: string): void; progress(text: string): void };

/** Lines go to standard output on a terminal, else to standard error: there, output belongs to the log lines. */
export function createTerminal(): Terminal {
  const stream = process.stdout.isTTY ? process.stdout : process.stderr;
  // The reader of our output may leave first; that must not end the shop.
  for (const output of [process.stdout, process.stderr]) output.on("error", () => undefined);
  let overwritten = "";
  return {
    line(text) {
      stream.write(`${overwritten}${text}\n`);
      overwritten = "";
    },
    progress(text) {
      // A file would keep every state of the line.
      if (!stream.isTTY) return;
      stream.write(`${overwritten}${text}`);
      overwritten = "\r\u001B[K";
    },
  };
}
