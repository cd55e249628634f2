import { setTimeout } from "node:timers/promises";
import type { Log } from "#src/platform/telemetry/log.ts";
import { readSigningKeys, type SigningKey } from "./secrets.ts";
import type { Tokens } from "./tokens.ts";

/** A key that was taken away counts for no longer than a revoked session does. */
const LOOK_EVERY_MS = 1_000;

/**
 * Follows the file of the signing keys, so that a rotation needs no restart. It is read and not waited for: a mounted
 * secret is replaced by a link, of which no watcher and no signal tells. A file that cannot be used changes nothing.
 * @param known the keys that are in use now
 */
export function watchSigningKeys(
  context: { tokens: Tokens; log: Log },
  file: string,
  known: SigningKey[],
): { stop(): Promise<void> } {
  const { tokens, log } = context;
  const stopping = new AbortController();
  let used = JSON.stringify(known);
  let complaint = "";

  async function look(): Promise<void> {
    const keys = await readSigningKeys(file);
    const found = JSON.stringify(keys);
    if (found === used) return;
    await tokens.replaceKeys(keys);
    used = found;
    log.info({ kids: keys.map(({ kid }) => kid) }, "the signing keys have changed");
  }

  async function follow(): Promise<void> {
    for (;;) {
      await setTimeout(LOOK_EVERY_MS, undefined, { signal: stopping.signal, ref: false });
      await look().then(
        () => (complaint = ""),
        (error: unknown) => {
          // Once for each reason, not every second.
          if (complaint !== String(error)) log.warn({ err: error, file }, "the signing keys stay as they were");
          complaint = String(error);
        },
      );
    }
  }

  const following = follow().catch(() => undefined);
  return {
    async stop() {
      stopping.abort();
      await following;
    },
  };
}
