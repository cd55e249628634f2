import { existsSync } from "node:fs";
import { enableCompileCache } from "node:module";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { readConfig } from "#src/config.ts";
import { isMistake } from "#src/platform/mistake.ts";
import { readEnvironment, ROOT } from "./environment.ts";
import { createTerminal } from "./terminal.ts";
import type { Running } from "./up-steps.ts";

/** All in all 10 s: what has begun may come to its end, then the children get most of it and PostgreSQL the rest. */
const STEP_PATIENCE_MS = 4_000;
const STOP_BUDGET_MS = 9_500;
const POSTGRES_SHARE_MS = 2_000;

/**
 * Brings everything up on this machine and keeps it up until SIGINT, SIGTERM or SIGHUP; then ends the process. A second
 * signal stops waiting for what has begun.
 */
export async function up(): Promise<void> {
  const env = readEnvironment();
  const config = readConfig(env, ROOT);
  const terminal = createTerminal();
  // Half of a start is reading code. Only where an earlier run has made the folder: it may not be ours to write yet.
  const cache = path.join(config.dataDir, "cache");
  if (existsSync(cache)) enableCompileCache(cache);
  const { bringUp } = await import("./up-steps.ts");
  const signals = listen();
  const running: Running = { undo: [], children: [] };
  const steps = bringUp({ config, env, terminal, signal: signals.first.signal }, running);
  const failure = await Promise.race([
    signals.asked.then(() => undefined),
    steps.then(wait, (error: unknown) => error),
  ]);
  const stoppedAt = Date.now();
  if (signals.first.signal.aborted) {
    terminal.line("stopping; once more and it does not wait for what has begun");
    await Promise.race([steps.catch(() => undefined), setTimeout(STEP_PATIENCE_MS)]);
  }
  await stopAll(running, STOP_BUDGET_MS - (Date.now() - stoppedAt), signals.second.signal);
  if (failure !== undefined) {
    if (isMistake(failure)) terminal.line(`shopfloor: ${failure.message}`);
    else console.error(failure);
    process.exit(1);
  }
  terminal.line("stopped");
  process.exit(0);
}

/** After the steps, only a signal ends the waiting. */
function wait(): Promise<undefined> {
  return new Promise(() => undefined);
}

type Signals = { first: AbortController; second: AbortController; asked: Promise<void> };

function listen(): Signals {
  const signals = { first: new AbortController(), second: new AbortController(), ...Promise.withResolvers<void>() };
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(name, () => {
      if (signals.first.signal.aborted) signals.second.abort();
      signals.first.abort();
      signals.resolve();
    });
  }
  return { first: signals.first, second: signals.second, asked: signals.promise };
}

/** First the children, side by side; then PostgreSQL, which they need to the end; then the rest, backwards. */
async function stopAll(running: Running, budgetMs: number, hurry: AbortSignal): Promise<void> {
  const deadline = Date.now() + budgetMs;
  const killAll = () => running.children.forEach((child) => child.kill());
  hurry.addEventListener("abort", killAll, { once: true });
  if (hurry.aborted) killAll();
  const childrenMs = Math.max(0, deadline - POSTGRES_SHARE_MS - Date.now());
  await Promise.all(running.children.map((child) => child.stop(childrenMs)));
  for (const undo of running.undo.toReversed()) {
    // One that fails must not keep the next one from its turn.
    await undo(Math.max(POSTGRES_SHARE_MS / 2, deadline - Date.now()) / 2).catch(console.error);
  }
}
