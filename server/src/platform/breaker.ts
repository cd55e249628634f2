export type Breaker = {
  /** Whether to try; while it is open, one try is let through after each pause. */
  allows(): boolean;
  /** Whether the last tries have failed. */
  isOpen(): boolean;
  succeeded(): void;
  failed(): void;
};

/**
 * Keeps callers from waiting for something that does not answer.
 * @param options.failures in a row that open it
 * @param options.pauseMs between two tries while it is open
 */
export function createBreaker(options: { failures: number; pauseMs: number }): Breaker {
  let failures = 0;
  let nextTryAt = 0;
  const isOpen = () => failures >= options.failures;
  return {
    isOpen,
    allows() {
      if (!isOpen()) return true;
      const now = performance.now();
      if (now < nextTryAt) return false;
      nextTryAt = now + options.pauseMs;
      return true;
    },
    succeeded() {
      failures = 0;
    },
    failed() {
      failures += 1;
      if (isOpen()) nextTryAt = performance.now() + options.pauseMs;
    },
  };
}
