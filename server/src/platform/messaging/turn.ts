export type Turn = {
  call(): void;
  /** resolves with the next call, or with one that came since the last */
  next(): Promise<void>;
  /** resolves after this time, or with the next call */
  pause(ms: number): Promise<void>;
  /** from now on nothing waits */
  end(): void;
};

/** Lets a loop wait for its next turn; a call that comes while the loop is busy is not lost. */
export function newTurn(): Turn {
  let called = false;
  let ended = false;
  let resume: (() => void) | undefined;
  const wakeUp = (): void => {
    resume?.();
    resume = undefined;
  };
  return {
    call() {
      called = true;
      wakeUp();
    },
    async next() {
      if (!called && !ended) await new Promise<void>((resolve) => (resume = resolve));
      called = false;
    },
    async pause(ms) {
      if (ended) return;
      const timer = setTimeout(wakeUp, ms);
      await new Promise<void>((resolve) => (resume = resolve));
      clearTimeout(timer);
    },
    end() {
      ended = true;
      wakeUp();
    },
  };
}

/** How long a loop rests after a fault of what it stands on. */
export const PAUSE_AFTER_FAULT_MS = 1_000;

/** Runs `step` again and again until it is stopped; after one that fails it rests, because the next would fail as well. */
export async function takeTurns(
  turn: Turn,
  stopping: AbortSignal,
  { step, onFault }: { step(): Promise<void>; onFault(error: unknown): void },
): Promise<void> {
  while (!stopping.aborted) {
    try {
      await step();
    } catch (error) {
      onFault(error);
      await turn.pause(PAUSE_AFTER_FAULT_MS);
    }
  }
}
