import { type Config, readConfig } from "#src/config.ts";
import { armFaults } from "#src/platform/faults/failpoint.ts";
import { ROOT } from "./environment.ts";

/**
 * Lets the parent of this process arm failpoints while it runs, over the channel that only a parent has: no client and
 * no other process reaches it. In production nobody listens.
 */
export function obeyFaults(config: Config): void {
  if (config.production || process.channel === undefined) return;
  process.on("message", (message: { faults?: string }) => {
    if (message.faults === undefined) return;
    armFaults(readConfig({ ...process.env, FAULTS: message.faults }, ROOT).faults);
    process.send?.({ armed: message.faults }, undefined, undefined, () => undefined);
  });
}
