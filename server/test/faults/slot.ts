import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";
import { READY } from "#src/platform/supervisor/child.ts";

const MAIN = path.resolve(import.meta.dirname, "../../src/main.ts");
const LAST_LINES = 40;

export type Role = "api" | "worker";
export type SlotSpec = {
  name: string;
  role: Role;
  env: Record<string, string>;
  go: Record<string, string>;
  /** armed in every life, where nothing else is */
  lasting?: string;
};

/** A failpoint that was reached in a process of this role. */
export type Hit = { role: Role; failpoint: string; action: string };

/**
 * A process that is started again whenever it dies. Its successor has loaded its code before, as a second replica would
 * have, so that a kill costs the time of a start and not that of loading.
 */
export type Slot = {
  name: string;
  role: Role;
  pid(): number;
  /** resolves when the process of now, or its successor, does its work */
  ready(): Promise<void>;
  /** arms failpoints in place of those before; resolves when the process has heard it, or is dead */
  arm(faults: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** resolves with the death of the process of now */
  died(): Promise<void>;
  /** the next hit of any failpoint */
  nextHit(): Promise<Hit>;
  hits: Hit[];
  /** deaths that nobody here asked for */
  crashes: string[];
  /** what it said last */
  tail: string[];
  stop(): Promise<void>;
};

type Life = { process: ChildProcess; begun: Promise<void>; ended: Promise<void> };

type Ears = Pick<Slot, "hits" | "crashes" | "tail"> & { waiting: Set<(hit: Hit) => void>; stopping: boolean };

/** Starts a slot; `faults` are armed in its first life only. */
export function startSlot(spec: SlotSpec, faults = ""): Slot {
  const ears: Ears = { hits: [], crashes: [], tail: [], waiting: new Set(), stopping: false };
  let spare = launch(spec, ears);
  let current = spare;
  void live();

  async function live(): Promise<void> {
    for (let armed = faults; !ears.stopping; armed = "") {
      const life = spare;
      current = life;
      send(life, { go: { ...spec.go, FAULTS: armed || (spec.lasting ?? "") } });
      await Promise.race([life.begun, life.ended]);
      if (!ears.stopping) spare = launch(spec, ears);
      await life.ended;
    }
  }

  return {
    name: spec.name,
    role: spec.role,
    hits: ears.hits,
    crashes: ears.crashes,
    tail: ears.tail,
    pid: () => current.process.pid ?? 0,
    async ready() {
      for (;;) {
        const life = current;
        await Promise.race([life.begun, life.ended]);
        if (life === current && isRunning(life)) return;
        await setImmediate();
      }
    },
    arm: (settings) => arm(current, settings),
    signal: (signal) => void current.process.kill(signal),
    died: () => current.ended,
    nextHit: () => new Promise((resolve) => ears.waiting.add(resolve)),
    async stop() {
      ears.stopping = true;
      for (const { process: child } of [current, spare]) child.kill("SIGKILL");
      await Promise.all([current.ended, spare.ended]);
    },
  };
}

function launch(spec: SlotSpec, ears: Ears): Life {
  const child = spawn(process.execPath, [MAIN, spec.role, "--supervised"], {
    env: spec.env,
    stdio: ["ignore", "pipe", "pipe", "ipc"],
  });
  const begun = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  child.on("message", (message) => message === READY && begun.resolve());
  child.once("error", (error) => ears.crashes.push(`${spec.name}: ${error.message}`));
  child.once("exit", (code, signal) => {
    const asked = ears.stopping || signal === "SIGKILL";
    if (!asked) ears.crashes.push(`${spec.name} ended with ${signal ?? `code ${code}`}`);
    ended.resolve();
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) createInterface({ input: stream }).on("line", (line) => listen(spec, ears, line));
  }
  return { process: child, begun: begun.promise, ended: ended.promise };
}

function listen(spec: SlotSpec, ears: Ears, line: string): void {
  if (!line.startsWith('{"failpoint"')) {
    ears.tail.push(line);
    ears.tail.splice(0, ears.tail.length - LAST_LINES);
    return;
  }
  const hit = { ...(JSON.parse(line) as Omit<Hit, "role">), role: spec.role };
  ears.hits.push(hit);
  for (const resolve of ears.waiting) resolve(hit);
  ears.waiting.clear();
}

async function arm(life: Life, settings: string): Promise<void> {
  const heard = Promise.withResolvers<void>();
  const onMessage = (message: { armed?: string }) => message.armed === settings && heard.resolve();
  life.process.on("message", onMessage);
  send(life, { faults: settings });
  await Promise.race([heard.promise, life.ended]);
  life.process.off("message", onMessage);
}

function isRunning({ process: { exitCode, signalCode } }: Life): boolean {
  return exitCode === null && signalCode === null;
}

function send(life: Life, message: object): void {
  // The channel of a process that has just died is closed; its successor is told what matters.
  if (life.process.connected) life.process.send(message, () => undefined);
}
