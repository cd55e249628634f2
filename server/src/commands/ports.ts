import { createServer } from "node:net";
import { setTimeout } from "node:timers/promises";
import { codeOf, mistake } from "#src/platform/mistake.ts";
import { findListener } from "#src/platform/processes.ts";

const POLL_MS = 50;
/** What a killed supervisor leaves ends by itself within 2.5 s. */
const ORPHAN_PATIENCE_MS = 4_000;

/** Where a process is to listen, and the variable that says so. */
export type Wanted = { host: string; port: number; variable: string; wayOut: string };

/**
 * Makes sure that a port can be listened on.
 * @param orphaned true when children of a killed supervisor may still be about to leave it
 * @throws a mistake that names the holder, where the system tells, and the way out
 */
export async function requirePort(wanted: Wanted, orphaned: boolean): Promise<void> {
  const deadline = Date.now() + (orphaned ? ORPHAN_PATIENCE_MS : 0);
  for (;;) {
    const code = await tryPort(wanted.host, wanted.port);
    if (code === undefined) return;
    if (code === "EADDRINUSE" && Date.now() < deadline) await setTimeout(POLL_MS);
    else throw await portMistake(wanted, code);
  }
}

/** Tries to listen. @returns the code of the error; undefined when the port is free */
export async function tryPort(host: string, port: number): Promise<string | undefined> {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once("error", (error) => resolve(codeOf(error) ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** Runs what listens on a port, and turns a port that it does not get into a mistake. */
export async function explainListening<T>(wanted: Wanted, start: () => Promise<T>): Promise<T> {
  try {
    return await start();
  } catch (error) {
    const isListening = error instanceof Error && "syscall" in error && error.syscall === "listen";
    throw isListening ? await portMistake(wanted, codeOf(error) ?? "") : error;
  }
}

async function portMistake(wanted: Wanted, code: string): Promise<Error> {
  const { host, port, variable, wayOut } = wanted;
  if (code === "EACCES") return mistake(`port ${port} needs root: choose one above 1023, as in ${wayOut}`);
  if (code === "EADDRNOTAVAIL") return mistake(`HOST=${host} is no address of this machine: try HOST=127.0.0.1`);
  if (code !== "EADDRINUSE") return mistake(`${variable}=${port} on ${host} cannot be used (${code})`);
  const holder = await findListener(port);
  const by = holder === undefined ? "" : ` by ${holder}`;
  return mistake(`port ${port} (${variable}) is taken${by}: stop that, or choose another one: ${wayOut}`);
}
