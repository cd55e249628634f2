import { setTimeout as rest } from "node:timers/promises";
import type { Context } from "#src/platform/context.ts";
import { failpoint } from "#src/platform/faults/failpoint.ts";
import type { Schedule } from "./schedule.ts";
import { type Claim, claimDue, noteEnd, renewClaim } from "./stored-schedules.ts";

/** Between looks for what is due. */
const LOOK_EVERY_MS = 500;
/** Renewed this many times within a lease, so that one lost renewal loses nothing. */
const RENEWALS_PER_LEASE = 3;

/** Runs schedules when they are due, beside as many other workers as there are, until it is stopped. */
export function startScheduler(context: Context, schedules: Schedule[]): { stop(): Promise<void> } {
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  const looking = keepLooking();

  async function keepLooking(): Promise<void> {
    while (!stop.signal.aborted) {
      try {
        for (const begun of await beginDue(context, schedules, stop.signal)) {
          running.add(begun);
          void begun.finally(() => running.delete(begun));
        }
      } catch (error) {
        context.log.error({ err: error }, "the schedules could not be read; trying again");
      }
      await rest(LOOK_EVERY_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  }

  return {
    async stop() {
      stop.abort();
      await looking;
      await Promise.all(running);
    },
  };
}

/**
 * Begins what is due now and nobody else runs.
 * @returns one promise for each run, which resolves at its end and never rejects
 */
export async function beginDue(
  context: Context,
  schedules: Schedule[],
  stopping: AbortSignal,
): Promise<Promise<void>[]> {
  const known = new Map(schedules.map((schedule) => [schedule.name, schedule]));
  const claims = await claimDue(context.db, [...known.keys()], context.config.leaseMs);
  return claims.flatMap((claim) => {
    const schedule = known.get(claim.name);
    return schedule === undefined ? [] : [runClaim(context, { schedule, claim, stopping })];
  });
}

type Run = { schedule: Schedule; claim: Claim; stopping: AbortSignal };

async function runClaim(context: Context, { schedule, claim, stopping }: Run): Promise<void> {
  const { name, moment, run } = claim;
  const trace = { schedule: name, moment, run };
  const lost = new AbortController();
  const { leaseMs } = context.config;
  const renewal = setInterval(() => {
    renewClaim(context.db, claim, leaseMs)
      .then((isOurs) => isOurs || lost.abort(new Error("another worker has taken over")))
      .catch((error: unknown) => context.log.warn({ ...trace, err: error }, "a schedule's lease could not be renewed"));
  }, leaseMs / RENEWALS_PER_LEASE);
  try {
    const failure = await attempt(context, schedule, { moment, stopping: AbortSignal.any([stopping, lost.signal]) });
    // A run that was told to stop is no failure to rest after: the next worker may begin at once.
    const isOurs = await noteEnd(context.db, claim, failure && { ...failure, pause: !stopping.aborted });
    if (!isOurs) context.log.warn(trace, "the lease of a schedule ran out; another worker has this moment");
    else if (failure === undefined) context.log.debug(trace, "a schedule ran");
    else context.log.warn({ ...trace, err: failure.error }, "a schedule's run failed; the moment is run again");
  } catch (error) {
    context.log.error(
      { ...trace, err: error },
      "the end of a schedule's run could not be noted; its lease will run out",
    );
  } finally {
    clearInterval(renewal);
  }
}

async function attempt(
  context: Context,
  schedule: Schedule,
  turn: Parameters<Schedule["run"]>[1],
): Promise<{ error: unknown } | undefined> {
  try {
    await schedule.run(context, turn);
    await failpoint("schedule.before_noted");
    return undefined;
  } catch (error) {
    return { error };
  }
}
