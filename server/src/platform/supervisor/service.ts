import { READY } from "./child.ts";

/** An orchestrator usually gives 10 s; a supervisor kills sooner. */
const CLOSE_TIMEOUT_MS = 9_500;
/** After a supervisor that was killed: the port has to be free for its successor soon. */
const ORPHAN_TIMEOUT_MS = 2_500;

/**
 * Ends this process when its supervisor is gone, as after SIGTERM and at the latest after 2.5 s, so that a killed
 * supervisor leaves nothing on the port. Without a supervisor it does nothing.
 */
export function exitWithParent(): void {
  if (process.channel === undefined) return;
  process.once("disconnect", () => {
    setTimeout(() => process.exit(1), ORPHAN_TIMEOUT_MS).unref();
    process.kill(process.pid, "SIGTERM");
  });
}

/** `ready`: when it has begun its work; absent: as soon as it is started */
export type Service = { ready?: Promise<void>; close(): Promise<void> };

/**
 * Runs a service until SIGTERM or SIGINT, then closes it and ends the process; a second signal ends it at once.
 * @param supervised true: waits for the supervisor's go and tells it when the service is ready
 * @param start gets the settings that came with the go
 */
export async function runService(
  supervised: boolean,
  start: (settings: Record<string, string>) => Promise<Service>,
): Promise<void> {
  const asked = Promise.withResolvers<undefined>();
  let signals = 0;
  const onSignal = () => {
    signals += 1;
    if (signals > 1) process.exit(1);
    setTimeout(() => process.exit(1), CLOSE_TIMEOUT_MS).unref();
    asked.resolve(undefined);
  };
  process.on("SIGTERM", onSignal).on("SIGINT", onSignal);
  exitWithParent();
  const settings = await Promise.race([supervised ? awaitGo() : {}, asked.promise]);
  if (settings === undefined) process.exit(0);
  const service = await start(settings);
  if (supervised) void Promise.resolve(service.ready).then(tellReady);
  await asked.promise;
  await service.close();
  process.exit(0);
}

function tellReady(): void {
  // The channel may break in this moment: then `disconnect` comes too, and this error says nothing new.
  process.send?.(READY, undefined, undefined, () => undefined);
}

function awaitGo(): Promise<Record<string, string>> {
  return new Promise((resolve) => {
    process.on("message", (message: { go?: Record<string, string> }) => {
      if (message.go !== undefined) resolve(message.go);
    });
  });
}
