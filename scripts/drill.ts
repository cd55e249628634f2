// The long run: kills under load until there are a thousand of them, every planted defect, every crash one by one.
//   scripts/node scripts/drill.ts [--kills 1000] [--seed N] [--only kills|crashes|sessions|supervisor|mutants|endings|any-order]
//     [--messaging postgres|rabbitmq|redis|sqs]
// With another engine than PostgreSQL its server is killed as well, and there are 100 kills; with Redis every second
// round has one that forgets everything when it is killed.
// Ctrl-C ends it after the strikes that are under way, and what happened until then is judged.
import { execFileSync, spawn } from "node:child_process";
import path from "node:path";
import { parseArgs } from "node:util";
import type { Toll } from "../server/test/faults/battle.ts";
import type { MessagingEngine } from "../server/src/config.ts";
import { startCluster } from "../server/test/faults/cluster.ts";
import { startDoomedBroker } from "../server/test/faults/doomed-broker.ts";
import { describeFindings } from "../server/test/faults/judge.ts";
import { type Ordeal, undergo } from "../server/test/faults/ordeal.ts";
import { describe, plan } from "../server/test/faults/strikes.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
/** A shop of its own for so many kills: a token lives for 15 minutes, and what is wrong is known sooner. */
const KILLS_PER_ROUND = 100;
const PROGRESS_EVERY_MS = 5_000;
const MS_PER_SECOND = 1_000;
const HITS_WANTED = 50;
const REDELIVERIES_WANTED = 200;
const FULL_DRILL = 1_000;
/** With a broker. */
const SHORT_DRILL = 100;
const KILLS_PER_SHORT_ROUND = 25;
const RETRIED_ORDERS = 100;
const SESSION_KILLS = 100;
const SESSION_LOGOUTS = 20;
const SUPERVISOR_KILLS = 20;
const RACES = 500;
const SEEDS = 1_000;

const { values } = parseArgs({
  options: {
    kills: { type: "string" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    only: { type: "string" },
    messaging: { type: "string", default: "postgres" },
  },
});
const seed = Number(values.seed);
const messaging = engineOf(values.messaging);
const hasBroker = messaging !== "postgres";
const kills = Number(values.kills ?? (hasBroker ? SHORT_DRILL : FULL_DRILL));
const killsPerRound = hasBroker ? KILLS_PER_SHORT_ROUND : KILLS_PER_ROUND;
const interrupted = new AbortController();
process.once("SIGINT", () => {
  console.log("interrupted: judging what happened until now; Ctrl-C again ends at once");
  interrupted.abort();
});

let failed = 0;
console.log(`seed ${seed}, commit ${commit()}, node ${process.version}; --seed ${seed} repeats the schedule`);
if (isWanted("kills")) failed += await killMany();
for (const suite of hasBroker ? [] : ["crashes", "sessions", "supervisor", "mutants", "endings", "any-order"]) {
  if (isWanted(suite) && !interrupted.signal.aborted) failed += await runSuite(suite);
}
console.log(failed === 0 ? "the drill is passed" : `the drill is NOT passed: ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function killMany(): Promise<number> {
  await using cluster = await startCluster();
  const startedAt = performance.now();
  const rounds: Ordeal[] = [];
  let bad = 0;
  for (let round = 0; round * killsPerRound < kills && !interrupted.signal.aborted; round += 1) {
    const before = round * killsPerRound;
    const strikes = plan(seed + round, Math.min(killsPerRound, kills - before), hasBroker);
    const onStrike = progress(before, startedAt);
    await using broker = await startDoomedBroker(messaging, round % 2 === 0);
    const options = { seed: seed + round, strikes, signal: interrupted.signal, onStrike, shop: { broker } };
    const ordeal = await undergo(cluster, options);
    rounds.push(ordeal);
    const { findings, others, toll, calls, unknown, orders, redeliveries, seconds } = ordeal;
    console.log(
      `round ${round + 1}: ${toll.done} kills, ${calls} calls (${unknown} without an answer), ${orders} orders, ${redeliveries} redeliveries, ${findings.length + others.length} findings, ${seconds} s`,
    );
    if (findings.length + others.length === 0) continue;
    bad += 1;
    console.log([`seed ${seed + round}:`, ...strikes.map((strike) => `  ${describe(strike)}`)].join("\n"));
    console.log(`${describeFindings(findings)}\n${others.join("\n")}`);
  }
  return bad + summarise(rounds, (performance.now() - startedAt) / MS_PER_SECOND);
}

function progress(before: number, startedAt: number): (toll: Toll) => void {
  let last = 0;
  return (toll) => {
    const now = performance.now();
    if (now - last < PROGRESS_EVERY_MS) return;
    last = now;
    const done = before + toll.done;
    const perSecond = (done * MS_PER_SECOND) / (now - startedAt);
    const left = Math.round((kills - done) / perSecond);
    console.log(`  ${done} of ${kills} kills, ${perSecond.toFixed(1)}/s, about ${left} s left`);
  };
}

/** The figures of all rounds. @returns how many of the full drill's promises were not kept */
function summarise(rounds: Ordeal[], seconds: number): number {
  const struck = new Map<string, number>();
  for (const [name, count] of rounds.flatMap((round) => [...round.toll.struck])) {
    struck.set(name, (struck.get(name) ?? 0) + count);
  }
  const sum = (of: (round: Ordeal) => number) => rounds.reduce((total, round) => total + of(round), 0);
  const [done, redeliveries] = [sum((round) => round.toll.done), sum((round) => round.redeliveries)];
  const missed = rounds.flatMap((round) => round.toll.missed);
  const rows = [...struck]
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([name, count]) => `${String(count).padStart(6)}  ${name}`);
  console.log(
    [
      ...rows,
      `${done} kills in ${Math.round(seconds)} s, ${missed.length} of them elsewhere because their failpoint was not reached in time`,
      ...missed.map((strike) => `        ${strike}`),
      `${sum((round) => round.calls)} calls, ${sum((round) => round.orders)} orders, ${redeliveries} redeliveries`,
      `${sum((round) => round.findings.length + round.others.length)} findings`,
    ].join("\n"),
  );
  if (done < FULL_DRILL) return 0;
  const rare = [...struck].filter(
    ([name, count]) => name.includes(" at ") && !name.endsWith("random") && count < HITS_WANTED,
  );
  const short = rare.map(([name, count]) => `${name}: ${count} hits, ${HITS_WANTED} wanted`);
  if (redeliveries < REDELIVERIES_WANTED) short.push(`${redeliveries} redeliveries, ${REDELIVERIES_WANTED} wanted`);
  for (const line of short) console.log(line);
  return short.length;
}

function engineOf(name: string): MessagingEngine {
  const found = (["postgres", "rabbitmq", "redis", "sqs"] as const).find((engine) => engine === name);
  if (found === undefined) throw new Error(`--messaging ${name}: there are postgres, rabbitmq, redis and sqs`);
  return found;
}

function isWanted(part: string): boolean {
  return values.only === undefined || values.only === part;
}

/** The crashes one by one, or every planted defect: the same files as in `make test`, with the full numbers. */
async function runSuite(name: string): Promise<number> {
  const vitest = [path.join(ROOT, "node_modules/vitest/vitest.mjs"), "run", "--root", path.join(ROOT, "server")];
  const numbers = Object.entries({ RETRIED_ORDERS, SESSION_KILLS, SESSION_LOGOUTS, SUPERVISOR_KILLS, RACES, SEEDS });
  const env = { ...process.env, MUTANTS: "all", ...Object.fromEntries(numbers.map(([key, n]) => [key, String(n)])) };
  const child = spawn(process.execPath, [...vitest, `test/faults/${name}.test.ts`], { env, stdio: "inherit" });
  return await new Promise((resolve) => child.once("exit", (code) => resolve(code === 0 ? 0 : 1)));
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { cwd: ROOT, encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
