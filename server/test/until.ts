import { setTimeout } from "node:timers/promises";

const DEADLINE_MS = 20_000;
const LOOK_EVERY_MS = 10;

/**
 * Waits until a condition holds, and gives what it returned.
 * @throws Error after 20 seconds, or as long as is given, with what `describe` says of the state then
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  describe: () => unknown = () => condition.toString(),
  withinMs = DEADLINE_MS,
): Promise<Exclude<T, false | undefined | null>> {
  const deadline = performance.now() + withinMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined && value !== null) return value as Exclude<T, false | undefined | null>;
    if (performance.now() > deadline) {
      throw new Error(`not within ${withinMs} ms: ${JSON.stringify(await describe())}`);
    }
    await setTimeout(LOOK_EVERY_MS);
  }
}
