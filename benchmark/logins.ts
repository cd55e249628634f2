// What a wave of logins costs everybody else: GET /api/v1/items at a steady rate, in turns alone and while many people
// log in at once. Both are measured in one run, in turns, so that a busy machine hits both alike: the ratio counts.
//   scripts/node benchmark/logins.ts [--target http://127.0.0.1:8000] [--logins 300] [--rounds 5] [--rate 100]
import { setTimeout } from "node:timers/promises";
import { parseArgs } from "node:util";
import { type Answer, openClient } from "./client.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "http://127.0.0.1:8000" },
    logins: { type: "string", default: "300" },
    rounds: { type: "string", default: "5" },
    rate: { type: "string", default: "100" },
  },
});
const logins = Math.min(Number(values.logins), 1_000);
const rounds = Math.min(Number(values.rounds), 10);
const rate = Math.min(Number(values.rate), 1_000);

const PASSWORD = "correct horse battery";
const NEWCOMERS_AT_ONCE = 8;
const LEAST_PHASE_MS = 1_000;
const REST_MS = 300;

const readers = openClient(values.target, Number.POSITIVE_INFINITY);
const people = openClient(values.target, logins);

const emails = Array.from({ length: logins }, (_, index) => `wave-${process.pid}-${index}@example.org`);
for (let from = 0; from < logins; from += NEWCOMERS_AT_ONCE)
  await Promise.all(emails.slice(from, from + NEWCOMERS_AT_ONCE).map(register));

const alone: number[] = [];
const besieged: number[] = [];
const statuses = new Map<number, number>();
let waveMs = 0;
await read(LEAST_PHASE_MS);
for (let round = 0; round < rounds; round += 1) {
  const startedAt = performance.now();
  const wave = Promise.all(emails.map(logIn)).then((answers) => {
    for (const { status } of answers) statuses.set(status, (statuses.get(status) ?? 0) + 1);
    return performance.now() - startedAt;
  });
  besieged.push(...(await read(wave)));
  const tookMs = await wave;
  waveMs += tookMs;
  await setTimeout(REST_MS);
  // As long as the wave was, so that both have as many samples.
  alone.push(...(await read(Math.max(LEAST_PHASE_MS, tookMs))));
}
report();
readers.close();
people.close();

/** Asks at a steady rate, whether the last answer has come or not: waiting for it would hide how slow it was. */
async function read(until: number | Promise<unknown>): Promise<number[]> {
  let isOver = false;
  void Promise.resolve(typeof until === "number" ? setTimeout(until) : until).then(() => (isOver = true));
  const asked: Promise<{ status: number; millis: number }>[] = [];
  for (let next = performance.now(); !isOver; next += 1_000 / rate) {
    asked.push(readOne());
    await setTimeout(Math.max(0, next + 1_000 / rate - performance.now()));
  }
  const answers = await Promise.all(asked);
  const failed = answers.filter(({ status }) => status !== 200);
  if (failed.length > 0)
    throw new Error(`${failed.length} reads were not answered 200, the first ${failed[0]?.status}`);
  return answers.map(({ millis }) => millis);
}

async function readOne(): Promise<{ status: number; millis: number }> {
  const startedAt = performance.now();
  const { status } = await readers.send("GET", "/api/v1/items?limit=20");
  return { status, millis: performance.now() - startedAt };
}

async function register(email: string): Promise<void> {
  const body = { email, password: PASSWORD, full_name: "W" };
  const { status } = await people.send("POST", "/api/v1/users/register", { body });
  if (status !== 201) throw new Error(`registering was answered ${status}`);
}

async function logIn(email: string): Promise<Answer> {
  return await people.send("POST", "/api/v1/users/login", { body: { email, password: PASSWORD } });
}

function report(): void {
  const counted = [...statuses].map(([status, count]) => `${count} x ${status}`).join(", ");
  const of = (samples: number[], share: number) =>
    samples.toSorted((one, other) => one - other)[Math.floor(samples.length * share)] ?? 0;
  const line = (name: string, samples: number[]) =>
    `${name} p50 ${of(samples, 0.5).toFixed(1)} ms, p95 ${of(samples, 0.95).toFixed(1)} ms, p99 ${of(samples, 0.99).toFixed(1)} ms (${samples.length} reads)`;
  console.log(`${rounds} waves of ${logins} logins at once, ${rate} reads a second, node ${process.version}`);
  console.log(`logins     ${counted}; a wave took ${Math.round(waveMs / rounds)} ms`);
  console.log(line("alone     ", alone));
  console.log(line("in a wave ", besieged));
  console.log(`ratio of p95: ${(of(besieged, 0.95) / of(alone, 0.95)).toFixed(2)}`);
}
