import pino from "pino";
import { errorChain } from "./error-chain.ts";
import { createLineWriter, type LineWriter } from "./line-writer.ts";

export type Log = pino.Logger;

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

let output: LineWriter | undefined;

// One for all logs of the process, so that their lines come in their order.
function standardOutput(): LineWriter {
  output ??= createLineWriter(1);
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
