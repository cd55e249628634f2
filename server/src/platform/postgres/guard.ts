import { setTimeout } from "node:timers/promises";
import type { EmbeddedPostgres } from "./embedded.ts";

const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;

/**
 * Starts PostgreSQL again whenever it dies, until it is stopped here.
 * @param restart starts it at the same port, where the other processes look for it
 */
export function guardPostgres(
  first: EmbeddedPostgres,
  restart: () => Promise<EmbeddedPostgres>,
  log: (line: string) => void,
): { stop(withinMs: number): Promise<void> } {
  const state = { server: first, stopping: false };
  void watch();
  return {
    stop: async (withinMs) => {
      state.stopping = true;
      await state.server.stop(withinMs);
    },
  };

  async function watch(): Promise<void> {
    for (;;) {
      await state.server.gone;
      if (state.stopping) return;
      log(`PostgreSQL (pid ${state.server.pid}) ended and is started again`);
      await startAgain();
    }
  }

  async function startAgain(): Promise<void> {
    for (let pauseMs = FIRST_PAUSE_MS; !state.stopping; pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2)) {
      try {
        const server = await restart();
        state.server = server;
        if (state.stopping) await server.stop();
        return;
      } catch (error) {
        log(`PostgreSQL did not start: ${error instanceof Error ? error.message : String(error)}`);
        await setTimeout(pauseMs, undefined, { ref: false });
      }
    }
  }
}
