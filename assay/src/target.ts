import { setTimeout as pause } from "node:timers/promises";

const ANSWERS_WITHIN_MS = 10_000;
const BETWEEN_ATTEMPTS_MS = 100;
const ATTEMPT_WITHIN_MS = 2000;

/**
 * Waits until something answers HTTP at the address, with whatever status.
 * @returns undefined as soon as it answers; else, after 10 s, a sentence that says what stood in the way
 */
export async function findObstacle(target: string): Promise<string | undefined> {
  const deadline = performance.now() + ANSWERS_WITHIN_MS;
  for (;;) {
    const obstacle = await knock(target);
    if (obstacle === undefined) return undefined;
    if (performance.now() + BETWEEN_ATTEMPTS_MS >= deadline) {
      return `Nothing answered at ${target} within ${ANSWERS_WITHIN_MS / 1000} seconds: ${obstacle}`;
    }
    await pause(BETWEEN_ATTEMPTS_MS);
  }
}

async function knock(target: string): Promise<string | undefined> {
  try {
    const response = await fetch(`${target}/api/v1/health`, { signal: AbortSignal.timeout(ATTEMPT_WITHIN_MS) });
    await response.body?.cancel();
    return undefined;
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return cause instanceof Error ? cause.message || cause.name : String(cause);
  }
}
