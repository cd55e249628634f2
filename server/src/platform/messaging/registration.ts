import type { Db, Trx } from "#src/platform/database/database.ts";
import type { Log } from "#src/platform/telemetry/log.ts";

const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 2_000;

export type Registration = {
  /** resolves when the database knows; true, or false when it was stopped before */
  done: Promise<boolean>;
  stop(): void;
};

/**
 * Tells the database which consumers and schedules there are, and again until it has heard it: a worker that starts
 * before its database, or before the migrations have run, waits for them instead of dying.
 */
export function keepRegistering(context: { db: Db; log: Log }, tell: (trx: Trx) => Promise<void>): Registration {
  const stop = new AbortController();
  const keepTelling = async (): Promise<boolean> => {
    for (let pauseMs = FIRST_PAUSE_MS; !stop.signal.aborted; pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2)) {
      try {
        await context.db.transaction().execute(tell);
        return true;
      } catch (error) {
        context.log.warn({ err: error, again_in_ms: pauseMs }, "the consumers could not be registered yet");
        await pause(pauseMs, stop.signal);
      }
    }
    return false;
  };
  return { done: keepTelling(), stop: () => stop.abort() };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
