import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import path from "node:path";
import { until } from "#test/until.ts";

export type Emulator = AsyncDisposable & {
  /** Calls the function. One call at a time: two at once end the emulator. @throws Error when the call failed */
  invoke(event: unknown): Promise<unknown>;
  output(): string;
};

type Tools = { emulator: string; node: string };
const { LAMBDA_EMULATOR: emulator = "", LAMBDA_NODE: node = "" } = process.env;
/** What `scripts/services/start lambda` brings; undefined where it is not there. */
export const lambdaTools: Tools | undefined = emulator === "" || node === "" ? undefined : { emulator, node };

const BOOTSTRAP = path.resolve(import.meta.dirname, "bootstrap.ts");
const INVOCATIONS = "2015-03-31/functions/function/invocations";
const TIME_LIMIT_SECONDS = 20;

/** AWS's runtime interface emulator with the function in a folder; it is loaded with the first call. */
export async function startEmulator(tools: Tools, folder: string, env: Record<string, string>): Promise<Emulator> {
  const [port, apiPort] = await freePorts();
  const addresses = [
    ["--runtime-interface-emulator-address", `127.0.0.1:${port}`],
    ["--runtime-api-address", `127.0.0.1:${apiPort}`],
    ["--log-level", "error"],
  ].flat();
  const child = spawn(tools.emulator, [...addresses, tools.node, BOOTSTRAP], {
    env: {
      ...env,
      PATH: process.env["PATH"],
      LAMBDA_TASK_ROOT: folder,
      _HANDLER: "lambda.handler",
      AWS_LAMBDA_FUNCTION_TIMEOUT: String(TIME_LIMIT_SECONDS),
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const url = `http://127.0.0.1:${port}`;
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`the emulator ended with ${child.exitCode}:\n${text}`);
      return (await fetch(url).catch(() => undefined)) !== undefined;
    },
    () => text,
  );
  return {
    invoke: (event) => invoke(`${url}/${INVOCATIONS}`, event),
    output: () => text,
    [Symbol.asyncDispose]: () => end(child),
  };
}

// It answers 200 to a handler that threw, and says so in the body only; and a text to one that ran out of time.
async function invoke(url: string, event: unknown): Promise<unknown> {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(event) });
  const text = await response.text();
  if (!response.ok || text === "" || text.includes('"errorType"') || text.startsWith("Task timed out"))
    throw new Error(`the call failed: ${text}`);
  return JSON.parse(text) as unknown;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  await ended;
}

async function freePorts(): Promise<[number, number]> {
  const probes = [createServer(), createServer()];
  const ports: number[] = [];
  for (const probe of probes) {
    probe.listen(0, "127.0.0.1");
    await once(probe, "listening");
    ports.push((probe.address() as AddressInfo).port);
  }
  for (const probe of probes) {
    probe.close();
    await once(probe, "close");
  }
  const [first = 0, second = 0] = ports;
  return [first, second];
}
