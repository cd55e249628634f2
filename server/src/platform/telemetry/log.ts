import pino from "pino";
import { errorChain } from "./error-chain.ts";

export type Log = pino.Logger;

const BUFFER_BYTES = 4_096;
const FLUSH_EVERY_MS = 500;
/** Beyond this much unwritten output lines are dropped: a full disk or a stuck reader must not take the memory. */
const MAX_UNWRITTEN_BYTES = 16 * 1_048_576;

const SECRETS = [
  "authorization",
  "cookie",
  '["set-cookie"]',
  "password",
  "new_password",
  "current_password",
  "token",
  "access_token",
  "refresh_token",
];

/**
 * The log of one process: JSON lines, written in the background, secrets masked at the top and one level down.
 * Errors go under `err` and are written with all their causes.
 * @param config.process what runs: `api`, `worker`, ...
 * @param destination where lines go; standard output when absent
 */
export function createLog(config: { logLevel: string; process: string }, destination?: pino.DestinationStream): Log {
  return pino(
    {
      level: config.logLevel,
      base: { process: config.process, pid: process.pid },
      timestamp: timeField,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: errorChain },
      redact: {
        paths: SECRETS.flatMap((name) => [name, name.startsWith("[") ? `*${name}` : `*.${name}`]),
        censor: "***",
      },
    },
    destination ?? standardOutput(),
  );
}

function standardOutput(): pino.DestinationStream {
  const output = pino.destination({
    sync: false,
    minLength: BUFFER_BYTES,
    maxLength: MAX_UNWRITTEN_BYTES,
    periodicFlush: FLUSH_EVERY_MS,
  });
  // Without a listener a full disk or a closed pipe would end the process.
  output.on("error", () => undefined);
  return output;
}

let lastMs = 0;
let lastField = "";

// Under load many lines share a millisecond; formatting a date for each of them costs as much as the rest of the line.
function timeField(): string {
  const now = Date.now();
  if (now !== lastMs) {
    lastMs = now;
    lastField = `,"time":"${new Date(now).toISOString()}"`;
  }
  return lastField;
}
