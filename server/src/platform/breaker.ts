import type { Log } from "#src/platform/telemetry/log.ts";

export type Breaker = {
  /** Whether the thing is known to be away: don't ask it, take the other way. */
  isOpen(): boolean;
  succeeded(): void;
  failed(error: unknown): void;
  /** ends the probing */
  close(): void;
};

/**
 * Keeps callers from waiting for something that does not answer. Open, it asks by itself whether the thing is back, so
 * that no caller has to try; the first answer closes it.
 * @param options.opensAfter so many failures in a row
 * @param options.probeEveryMs pause between two probes while it is open
 * @param options.probe rejects while the thing is away, within a bound of its own
 */
export function createBreaker(options: {
  name: string;
  log: Log;
  opensAfter: number;
  probeEveryMs: number;
  probe(): Promise<void>;
}): Breaker {
  const { name, log } = options;
  let failures = 0;
  let open = false;
  let closed = false;
  let timer: NodeJS.Timeout | undefined;

  function succeeded(): void {
    failures = 0;
  }

  function openUp(error: unknown): void {
    open = true;
    log.warn({ err: error, dependency: name }, "it does not answer; working without it");
    schedule();
  }

  function schedule(): void {
    if (closed) return;
    timer = setTimeout(() => {
      options.probe().then(shut, schedule);
    }, options.probeEveryMs);
    timer.unref();
  }

  function shut(): void {
    if (closed) return;
    open = false;
    failures = 0;
    log.info({ dependency: name }, "it answers again");
  }

  return {
    isOpen: () => open,
    succeeded,
    failed(error) {
      failures += 1;
      if (!open && !closed && failures >= options.opensAfter) openUp(error);
    },
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}
