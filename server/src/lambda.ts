import { tmpdir } from "node:os";
import { type FunctionProcess, openFunction, subscriptions } from "./composition.ts";
import { readConfig } from "./config.ts";
import { type BatchResponse, workRecords } from "./platform/messaging/sqs-event.ts";
import type { WorkContext } from "./platform/messaging/work.ts";
import { createLog } from "./platform/telemetry/log.ts";

/** Before Lambda kills it, a function that runs late gives back what it has not begun. */
const STOP_BEFORE_DEADLINE_MS = 5_000;
/** Nobody knows what became of connections in a process that was frozen for so long: they are made anew. */
const TRUSTED_WHILE_FROZEN_MS = 60_000;

// Read while the process starts: a mistake fails the deployment's first call with all that is wrong, and no message.
const config = readConfig(process.env, tmpdir(), { signs: false });
// Written at once: what is buffered when the process is frozen shows up with somebody else's call, or never.
const log = createLog(
  { logLevel: config.logLevel, process: "function" },
  { write: (line) => void process.stdout.write(line) },
);
// Nobody scrapes a function: the worker that relays shows depth, age and dead letters, and the log says the rest.
const metrics: WorkContext["metrics"] = { handled: () => undefined, failed: () => undefined };

let open: (FunctionProcess & { usedAt: number }) | undefined;

/**
 * What AWS Lambda calls with records of our queues; the handlers are the worker's. One call at a time in a process.
 * @param event of an SQS event source with `ReportBatchItemFailures`
 * @param invocation the object that Lambda hands over beside it
 * @returns the records that SQS is to keep
 */
export async function handler(
  event: unknown,
  invocation: { getRemainingTimeInMillis(): number },
): Promise<BatchResponse> {
  const { work, settled } = opened();
  const leftMs = Math.max(0, invocation.getRemainingTimeInMillis() - STOP_BEFORE_DEADLINE_MS);
  const context = { ...work, work, leaseMs: config.leaseMs, metrics };
  try {
    return await workRecords(context, subscriptions, event, AbortSignal.timeout(leftMs));
  } finally {
    await settled();
    if (open !== undefined) open.usedAt = Date.now();
  }
}

function opened(): FunctionProcess {
  if (open !== undefined && Date.now() - open.usedAt > TRUSTED_WHILE_FROZEN_MS) {
    open.close().catch((error: unknown) => log.warn({ err: error }, "an old connection did not end"));
    open = undefined;
  }
  open ??= { ...openFunction(config, log), usedAt: Date.now() };
  return open;
}
