import { type ChildProcess, spawn } from "node:child_process";
import type { Readable } from "node:stream";

const MAX_BACKOFF_MS = 5_000;
const FIRST_BACKOFF_MS = 250;
/** A child that lived this long starts its next life with a clean record. */
const STABLE_MS = 30_000;
/** So many deaths before it was ever ready, and it is given up: its configuration is wrong, not its luck. */
const HOPELESS_STARTS = 3;

/** What a child says over its channel when it has begun its work. */
export const READY = "ready";

/**
 * What to run. `go` is sent to the child when it resolves: a child loads its code while the database still starts, and
 * begins its work with the settings that come with it.
 */
export type ChildSpec = { name: string; args: string[]; env: NodeJS.ProcessEnv; go: Promise<Record<string, string>> };

export type Watcher = {
  log(line: string): void;
  /** where output goes; absent: to where ours goes */
  output?: (name: string, stream: Readable) => void;
};

export type Child = {
  /** resolves at the first "ready"; rejects when it dies again and again before that */
  ready: Promise<void>;
  /** SIGTERM, and SIGKILL to what is left after the time */
  stop(withinMs: number): Promise<void>;
  kill(): void;
};

/** Runs a Node.js process and starts it again whenever it dies: at once the first time, then later and later. */
export function keepRunning(spec: ChildSpec, watcher: Watcher): Child {
  const ready = Promise.withResolvers<void>();
  // Nobody may be waiting for it any more when it is rejected.
  ready.promise.catch(() => undefined);
  const state = { stopping: false, wasReady: false, deaths: 0, timer: undefined as NodeJS.Timeout | undefined };
  let current = launch();
  return {
    ready: ready.promise,
    kill: () => current.process.kill("SIGKILL"),
    stop: async (withinMs) => {
      state.stopping = true;
      clearTimeout(state.timer);
      current.process.kill("SIGTERM");
      const impatience = setTimeout(() => current.process.kill("SIGKILL"), withinMs);
      await current.ended;
      clearTimeout(impatience);
    },
  };

  function launch(): { process: ChildProcess; ended: Promise<void> } {
    const startedAt = Date.now();
    const ended = Promise.withResolvers<void>();
    const child = start(spec, watcher);
    child.on("message", (message) => {
      if (message !== READY) return;
      state.wasReady = true;
      ready.resolve();
    });
    void spec.go.then(
      // The channel of a child that has just died is closed; its successor is told again.
      (settings) => child.connected && child.send({ go: settings }, () => undefined),
      () => undefined,
    );
    child.once("error", (error) => died(error.message));
    child.once("exit", (code, signal) => died(signal ?? `code ${code}`));
    return { process: child, ended: ended.promise };

    function died(reason: string): void {
      child.removeAllListeners("exit");
      ended.resolve();
      if (state.stopping) return;
      if (Date.now() - startedAt > STABLE_MS) state.deaths = 0;
      state.deaths += 1;
      if (!state.wasReady && state.deaths >= HOPELESS_STARTS) {
        ready.reject(new Error(`${spec.name} ended ${state.deaths} times before it was ready (${reason})`));
        return;
      }
      const delayMs = backoffMs(state.deaths);
      const when = delayMs === 0 ? "at once" : `in ${delayMs} ms`;
      watcher.log(`${spec.name} (pid ${child.pid ?? "none"}) ended with ${reason} and is started again ${when}`);
      state.timer = setTimeout(() => (current = launch()), delayMs);
    }
  }
}

/** The pause before a start, by the number of deaths in a row. */
export function backoffMs(deaths: number): number {
  return deaths <= 1 ? 0 : Math.min(MAX_BACKOFF_MS, FIRST_BACKOFF_MS * 2 ** (deaths - 2));
}

function start(spec: ChildSpec, watcher: Watcher): ChildProcess {
  const output = watcher.output === undefined ? "inherit" : "pipe";
  const child = spawn(process.execPath, spec.args, {
    env: spec.env,
    stdio: ["ignore", output, output, "ipc"],
    // Ctrl-C reaches the foreground group of a terminal: children end when the supervisor says so, in its order.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) watcher.output?.(spec.name, stream);
  }
  return child;
}
