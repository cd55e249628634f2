import { createTerminal } from "./terminal.ts";

/** Without a terminal, a line this often is enough for a log. */
const LINE_EVERY_MS = 5_000;
const OVERWRITE_EVERY_MS = 200;

export type Progress = { note(done: number): void; end(summary: string): void };

/** Tells how far long work is: count, rate and, with a total, what is left; overwritten on a terminal, lines elsewhere. */
export function startProgress(unit: string, total?: number): Progress {
  const terminal = createTerminal();
  const isTerminal = process.stdout.isTTY || process.stderr.isTTY;
  const startedAt = performance.now();
  let toldAt = startedAt;
  return {
    note(done) {
      const now = performance.now();
      if (now - toldAt < (isTerminal ? OVERWRITE_EVERY_MS : LINE_EVERY_MS)) return;
      toldAt = now;
      const line = describe({ unit, total, done, seconds: (now - startedAt) / 1_000 });
      if (isTerminal) terminal.progress(line);
      else terminal.line(line);
    },
    end(summary) {
      terminal.line(`${summary} in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
    },
  };
}

function describe(state: { unit: string; total: number | undefined; done: number; seconds: number }): string {
  const { unit, total, done, seconds } = state;
  const perSecond = done / Math.max(seconds, Number.EPSILON);
  const rate = `${Math.round(perSecond)}/s`;
  if (total === undefined) return `${done} ${unit}, ${rate}`;
  const left = perSecond > 0 ? `about ${Math.ceil((total - done) / perSecond)} s left` : "waiting";
  return `${done} of ${total} ${unit}, ${rate}, ${left}`;
}
