// Whether the time of a refused login tells who has an account: a wrong password for a name that somebody has against
// one for a name that nobody has, in pairs, in random order, one request at a time. Prints the medians and the AUC: how
// often a login of a known name takes longer than one of an unknown name (0.5 is a coin). Nothing is asserted.
//   scripts/node benchmark/login-timing.ts [--target http://127.0.0.1:8000] [--pairs 200] [--rounds 3]
import { Agent, request } from "node:http";
import { parseArgs } from "node:util";
import { compareTimes, describeLikeness } from "../server/test/timing.ts";

const { values } = parseArgs({
  options: {
    target: { type: "string", default: "http://127.0.0.1:8000" },
    pairs: { type: "string", default: "200" },
    rounds: { type: "string", default: "3" },
  },
});
const pairs = Math.min(Number(values.pairs), 1_000);
// An account is throttled after five failures.
const rounds = Math.min(Number(values.rounds), 5);
const target = new URL(values.target);
if (!["127.0.0.1", "localhost", "[::1]"].includes(target.hostname)) throw new Error("only a server on this machine");

const NEWCOMERS_AT_ONCE = 4;
const WARM_UP = 20;
const agent = new Agent({ keepAlive: true });
const run = `${process.pid}-${Date.now() % 1_000_000}`;
const known = Array.from({ length: pairs }, (_, index) => `known-${run}-${index}@example.org`);
const unknown = Array.from({ length: pairs }, (_, index) => `other-${run}-${index}@example.org`);
for (let from = 0; from < pairs; from += NEWCOMERS_AT_ONCE)
  await Promise.all(known.slice(from, from + NEWCOMERS_AT_ONCE).map(register));
for (let nth = 0; nth < WARM_UP; nth += 1) await guess(`warm-${run}-${nth}@example.org`);

console.log(`${pairs} pairs, one request at a time, node ${process.version}`);
for (let round = 1; round <= rounds; round += 1) {
  const ask = (names: string[]) => async (nth: number) => await guess(names[nth] ?? "");
  console.log(
    `round ${round}: unknown and known, ${describeLikeness(await compareTimes(pairs, ask(unknown), ask(known)))}`,
  );
}
agent.destroy();

async function register(email: string): Promise<void> {
  const { status } = await send("/api/v1/users/register", { email, password: "correct horse battery", full_name: "T" });
  if (status !== 201) throw new Error(`registering was answered ${status}`);
}

async function guess(email: string): Promise<void> {
  const { status } = await send("/api/v1/users/login", { email, password: "wrong horse battery" });
  if (status !== 401) throw new Error(`a wrong password was answered ${status}`);
}

function send(path: string, body: unknown): Promise<{ status: number }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number }>();
  const headers = { "content-type": "application/json" };
  const sent = request(new URL(path, target), { method: "POST", agent, headers }, (response) => {
    const { statusCode: status = 0 } = response;
    response.resume().once("end", () => resolve({ status }));
  });
  sent.once("error", reject);
  sent.end(JSON.stringify(body));
  return promise;
}
