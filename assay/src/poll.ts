import { setTimeout as pause } from "node:timers/promises";
import { type Fault, fault, findEvidence } from "./http/fault.ts";

const BETWEEN_ATTEMPTS_MS = 80;

/** After this time every instance of a server shows what was written; the contract says 250 ms. */
export const FRESH_WITHIN_MS = 1000;

/**
 * Tries until it does not throw any more.
 * @param withinMs the deadline; the last attempt may begin just before it
 * @param attempt throws a Fault as long as the condition does not hold
 * @returns what the first attempt that held returned
 * @throws the last Fault, with the time that was given to it
 */
export async function eventually<T>(withinMs: number, attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() + BETWEEN_ATTEMPTS_MS >= deadline) throw expired(error, withinMs);
    }
    await pause(BETWEEN_ATTEMPTS_MS);
  }
}

function expired(error: unknown, withinMs: number): unknown {
  const shown = findEvidence(error);
  if (!(error instanceof Error) || shown === undefined) return error;
  const late: Fault = fault(shown, `${error.message} (still so after ${withinMs / 1000} seconds)`);
  return late;
}
