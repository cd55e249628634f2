import { AssertionError } from "node:assert";
import type { Answer, Sent } from "./exchange.ts";

/** What the examined server did wrong, said in a sentence. */
export type Fault = AssertionError;

/** The request that shows a fault, and its answer when there was one. */
export type Evidence = { sent: Sent; answer: Answer | undefined };

const evidence = new WeakMap<Error, Evidence>();

/**
 * Makes the error that fails a step.
 * @param shown the exchange that shows the fault, for the curl line of the report
 * @param message a sentence about the examined server, readable without this code
 */
export function fault(shown: Evidence | undefined, message: string): Fault {
  const error = new AssertionError({ message, stackStartFn: fault });
  if (shown !== undefined) evidence.set(error, shown);
  return error;
}

/** The exchange that a fault was raised with; undefined for every other error. */
export function findEvidence(error: unknown): Evidence | undefined {
  return error instanceof Error ? evidence.get(error) : undefined;
}
