import { between, pick, type Random, seeded, shuffled } from "./random.ts";
import type { Role } from "./slot.ts";

/** What is done to the shop, and to which of its processes. */
export type Strike =
  | { kind: "failpoint"; role: Role; process: number; failpoint: string; hit: number }
  | { kind: "random"; role: Role; process: number; afterMs: number }
  | { kind: "pause"; process: number; forMs: number }
  | { kind: "session"; how: "kill" | "terminate"; afterMs: number }
  | { kind: "server"; afterMs: number };

/** Where processes are killed. At the renewal of a lease one arrives only while a batch takes its time. */
export const KILLED_AT: [role: Role, failpoint: string][] = [
  ["api", "transaction.before_commit"],
  ["api", "transaction.after_commit"],
  ["api", "relay.before_notify"],
  ["worker", "worker.after_claim"],
  ["worker", "worker.in_handler"],
  ["worker", "worker.before_handled"],
  ["worker", "worker.at_renewal"],
  ["worker", "transaction.before_commit"],
  ["worker", "transaction.after_commit"],
];
const BLOCK = 20;
const PROCESSES = 2;
const MAX_WAIT_MS = 300;
const MAX_HIT = 4;

/** So many strikes in an order that the seed decides; each block of twenty has all kinds of them. */
export function plan(seed: number, count: number): Strike[] {
  const random = seeded(seed);
  const strikes: Strike[] = [];
  for (let block = 0; strikes.length < count; block += 1) strikes.push(...shuffled(random, blockOf(random, block)));
  return strikes.slice(0, count);
}

function blockOf(random: Random, block: number): Strike[] {
  const process = () => between(random, 0, PROCESSES - 1);
  const afterMs = () => between(random, 0, MAX_WAIT_MS);
  const extra = [0, 1].map((index) => KILLED_AT[(block * 2 + index) % KILLED_AT.length] ?? KILLED_AT[0]);
  const places = [...KILLED_AT, ...extra].flatMap((place) => (place === undefined ? [] : [place]));
  const atFailpoints = places.map(([role, failpoint]): Strike => {
    return { kind: "failpoint", role, process: process(), failpoint, hit: between(random, 1, MAX_HIT) };
  });
  const atRandom = (["api", "api", "worker", "worker"] as const).map((role): Strike => {
    return { kind: "random", role, process: process(), afterMs: afterMs() };
  });
  const sessions = (["kill", "terminate", "terminate"] as const).map((how): Strike => {
    return { kind: "session", how, afterMs: afterMs() };
  });
  const strikes: Strike[] = [...atFailpoints, ...atRandom, ...sessions, { kind: "server", afterMs: afterMs() }];
  strikes.push({ kind: "pause", process: process(), forMs: pick(random, [1_200, 1_500, 1_800]) });
  if (strikes.length !== BLOCK) throw new Error(`a block has ${strikes.length} strikes`);
  return strikes;
}

/** A strike in a few words, for the list that is printed. */
export function describe(strike: Strike): string {
  switch (strike.kind) {
    case "failpoint":
      return `${strike.role}-${strike.process + 1} at ${strike.failpoint}, hit ${strike.hit}`;
    case "random":
      return `${strike.role}-${strike.process + 1} after ${strike.afterMs} ms`;
    case "pause":
      return `worker-${strike.process + 1} stopped for ${strike.forMs} ms, past its lease`;
    case "session":
      return `${strike.how === "kill" ? "a PostgreSQL session killed" : "a PostgreSQL session ended"} after ${strike.afterMs} ms`;
    case "server":
    default:
      return `the PostgreSQL server after ${strike.afterMs} ms`;
  }
}
