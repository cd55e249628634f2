import { between, pick, type Random, seeded, shuffled } from "./random.ts";
import type { Role } from "./slot.ts";

/** What is done to the shop, and to which of its processes. */
export type Strike =
  | { kind: "failpoint"; role: Role; process: number; failpoint: string; hit: number }
  | { kind: "random"; role: Role; process: number; afterMs: number }
  | { kind: "pause"; process: number; forMs: number }
  | { kind: "session"; how: "kill" | "terminate"; afterMs: number }
  | { kind: "server"; afterMs: number }
  | { kind: "broker"; afterMs: number; forMs: number };

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
/** Where a worker relays to a broker, and consumes from it. */
const AT_BROKERS: [role: Role, failpoint: string][] = [
  ["worker", "relay.before_publish"],
  ["worker", "relay.after_publish"],
  ["worker", "relay.after_mark"],
  ["worker", "consumer.before_ack"],
];
const PROCESSES = 2;
const MAX_WAIT_MS = 300;
const MAX_AWAY_MS = 1_500;
const MAX_HIT = 4;

/**
 * So many strikes in an order that the seed decides; each block of twenty has all kinds of them.
 * @param hasBroker then blocks are larger, and the broker is struck as well
 */
export function plan(seed: number, count: number, hasBroker = false): Strike[] {
  const random = seeded(seed);
  const strikes: Strike[] = [];
  for (let block = 0; strikes.length < count; block += 1) {
    const more = hasBroker ? atBroker(random) : [];
    strikes.push(...shuffled(random, [...blockOf(random, block), ...more]));
  }
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
  return strikes;
}

function atBroker(random: Random): Strike[] {
  const relaying = AT_BROKERS.map(([role, failpoint]): Strike => {
    const process = between(random, 0, PROCESSES - 1);
    return { kind: "failpoint", role, process, failpoint, hit: between(random, 1, MAX_HIT) };
  });
  const killed = [0, 1].map((): Strike => {
    return { kind: "broker", afterMs: between(random, 0, MAX_WAIT_MS), forMs: between(random, 0, MAX_AWAY_MS) };
  });
  return [...relaying, ...killed];
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
    case "broker":
      return `the broker after ${strike.afterMs} ms, away for ${strike.forMs} ms`;
    case "server":
    default:
      return `the PostgreSQL server after ${strike.afterMs} ms`;
  }
}
