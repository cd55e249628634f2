import { problem } from "#src/platform/http/problem.ts";
import { isUnavailable } from "./errors.ts";

export type CoalesceOptions = {
  /** most inputs that one run takes */
  maxBatch: number;
  /** most inputs that wait; one more is refused at once */
  maxWaiting: number;
  /** most runs under way at the same time */
  maxRunning: number;
};

const RETRY_AFTER_SECONDS = 1;
export const queueFull = problem("service.busy", 503, "Too many requests are waiting for the same thing");

/** A result for one input of a batch: a value, or an error that only its sender is told. */
export type Outcome<Output> = { value: Output } | { error: unknown };

/**
 * Turns calls that arrive while earlier ones run into one set-based run: idle, a call goes at once; under load a batch
 * is whatever arrived while the last one ran. No timer, so nobody waits for company.
 * @param run gives an outcome for each input, in order; when it throws, each input of the batch is tried alone, so that
 *   a bad neighbour spoils nothing. A database that is away is told to all at once instead.
 */
export function coalesce<Input, Output>(
  options: CoalesceOptions,
  run: (inputs: Input[]) => Promise<Outcome<Output>[]>,
): (input: Input) => Promise<Output> {
  type Waiting = { input: Input; resolve(output: Output): void; reject(error: unknown): void };
  const waiting: Waiting[] = [];
  let running = 0;
  let scheduled = false;

  function schedule(): void {
    if (scheduled || running >= options.maxRunning || waiting.length === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      void flush(waiting.splice(0, options.maxBatch));
      schedule();
    });
  }

  async function flush(batch: Waiting[]): Promise<void> {
    running += 1;
    await settle(batch);
    running -= 1;
    schedule();
  }

  async function settle(batch: Waiting[]): Promise<void> {
    try {
      const outcomes = await run(batch.map((one) => one.input));
      batch.forEach((one, index) => deliver(one, outcomes[index]));
    } catch (error) {
      if (batch.length === 1 || isUnavailable(error)) for (const one of batch) one.reject(error);
      else for (const one of batch) await settle([one]);
    }
  }

  function deliver(one: Waiting, outcome: Outcome<Output> | undefined): void {
    if (outcome === undefined) one.reject(new Error("the batch gave no outcome for one of its inputs"));
    else if ("error" in outcome) one.reject(outcome.error);
    else one.resolve(outcome.value);
  }

  return (input) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= options.maxWaiting) {
        reject(queueFull({ headers: { "retry-after": String(RETRY_AFTER_SECONDS) } }));
        return;
      }
      waiting.push({ input, resolve, reject });
      schedule();
    });
}
