// Starts our own server and lets Schemathesis hold it to openapi.json, in each of the roles:
//   scripts/node scripts/schemathesis.ts [--seed N | --seed random] [--examples N] [--json FILE]
// The same seed asks the same questions. --json gets { "passed", "failed", "skipped", "requests" }, counted in
// operations for each role.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { complaints, findObstacle, startServer, stopServer, tail } from "./own-server.ts";

const ROOT = path.resolve(import.meta.dirname, "..");
const SETTINGS = path.join(ROOT, "scripts/schemathesis/schemathesis.toml");
const HOOKS = path.join(ROOT, "scripts/schemathesis/state_dependent.py");
const REPORTS = path.join(ROOT, "reports/schemathesis");
const FIXED_SEED = 20_261_121;
const SEEDS = 2 ** 31;
const EXAMPLES = 30;
const WORKERS = 2;
const ROLE_WITHIN_MS = 300_000;
const REQUEST_SECONDS = 10;
const COMPLAINT_CHARACTERS = 500;

type Role = { name: string; emails: string[]; examplesShare: number; isLeaving?: true };
// Two customers are each other's strangers: what one made, the other must not be able to read.
const ROLES: Role[] = [
  { name: "admin", emails: ["admin@shopfloor.example"], examplesShare: 1 },
  { name: "staff", emails: ["staff@shopfloor.example"], examplesShare: 0.5 },
  { name: "customers", emails: ["customer@shopfloor.example", "stranger@shopfloor.example"], examplesShare: 0.5 },
  // What takes an account away, or what it may, is asked for at the end.
  { name: "leaving", emails: ["leaving@shopfloor.example"], examplesShare: 0.5, isLeaving: true },
  { name: "leaving admin", emails: ["admin@shopfloor.example"], examplesShare: 0.5, isLeaving: true },
];
const LEAVING = ["postAuthLogout", "postAuthLogoutAll", "deleteUsersMe", "deleteUsersMeSessionsById", "patchUsersById"];
type Options = { seed: number; examples: number };
type Result = { passed: number; failed: number; cases: number; failures: string[] };
type Report = {
  operations: { tested: number; errored: number };
  test_cases: { generated: number };
  failures: { operations: string[] }[];
};

const stopping = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopping.abort());

process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seed: { type: "string" }, examples: { type: "string" }, json: { type: "string" } },
  });
  const random = values.seed === "random";
  const seed = random ? Math.floor(Math.random() * SEEDS) : Number(values.seed ?? FIXED_SEED);
  const options = { seed, examples: Number(values.examples ?? EXAMPLES) };
  console.log(`seed ${seed}; this repeats it: scripts/node scripts/schemathesis.ts --seed ${seed}`);
  const command = execFileSync(path.join(ROOT, "scripts/schemathesis/install"), { encoding: "utf8" }).trim();
  const sum = await examineAll(command, options);
  console.log(`${sum.cases} cases, ${sum.requests} requests, ${sum.passed} passed, ${sum.failed} failed`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ ...sum, skipped: 0 })}\n`);
  return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
}

async function examineAll(command: string, options: Options): Promise<Result & { requests: number }> {
  const own = await startServer();
  const sum = { passed: 0, failed: 0, cases: 0, requests: 0, failures: [] as string[] };
  const fail = (failure: string) => {
    sum.failed += 1;
    sum.failures.push(failure);
  };
  try {
    const obstacle = await findObstacle(own, stopping.signal);
    if (obstacle !== undefined) throw new Error(`The server did not become ready: ${obstacle}\n${tail(own.log)}`);
    for (const role of ROLES) {
      const result = await examine(command, own.target, role, options);
      console.log(`${role.name}: ${result.cases} cases, ${result.passed} operations hold, ${result.failed} do not`);
      for (const name of ["passed", "failed", "cases"] as const) sum[name] += result[name];
      sum.failures.push(...result.failures.map((failure) => `${role.name}: ${failure}`));
    }
    if (own.server.exitCode !== null) fail(`the server ended with code ${own.server.exitCode}`);
    const logged = readFileSync(own.log, "utf8");
    sum.requests = logged.match(/"duration_ms":/g)?.length ?? 0;
    // A check sees only what is answered; what went wrong behind an answer is in the log.
    const complaint = /^.*"level":"(?:error|fatal)".*$/m.exec(logged);
    if (complaint) fail(`the server's log has errors, first: ${complaint[0].slice(0, COMPLAINT_CHARACTERS)}`);
    if (sum.failed > 0) console.error(complaints(own.log));
  } finally {
    if (!(await stopServer(own))) fail("the server did not stop cleanly");
  }
  return sum;
}

async function examine(command: string, target: string, role: Role, options: Options): Promise<Result> {
  mkdirSync(REPORTS, { recursive: true });
  const settings = path.join(REPORTS, `${role.name}.toml`);
  const report = path.join(REPORTS, `${role.name}.json`);
  writeFileSync(report, "");
  writeFileSync(settings, await settingsOf(target, role));
  const examples = Math.max(1, Math.round(options.examples * role.examplesShare));
  const run = [
    "run",
    path.join(ROOT, "openapi.json"),
    "--url",
    target,
    "--checks",
    "all",
    "--workers",
    String(WORKERS),
  ];
  const how = ["--seed", String(options.seed), "--max-examples", String(examples), "--generation-database", "none"];
  const bounds = ["--request-timeout", String(REQUEST_SECONDS), "--no-color"];
  const output = ["--report", "json", "--report-json-path", report];
  const which = LEAVING.flatMap((id) => [role.isLeaving ? "--include-operation-id" : "--exclude-operation-id", id]);
  const arguments_ = ["--config-file", settings, ...run, ...which, ...how, ...bounds, ...output];
  const { text, ending } = await runToEnd(command, arguments_);
  writeFileSync(path.join(REPORTS, `${role.name}.txt`), text);
  const said = existsSync(report) ? readFileSync(report, "utf8") : "";
  const result = said === "" ? { passed: 0, failed: 1, cases: 0, failures: [] } : count(JSON.parse(said) as Report);
  // It also fails for mistakes that belong to no operation.
  if (ending !== "code 0" && result.failed === 0) result.failed = 1;
  if (result.failed > 0 && result.failures.length === 0) result.failures.push(`ended with ${ending}`);
  if (result.failed > 0) console.error(`${text}\n${role.name} ended with ${ending}`);
  return result;
}

/** Our settings, with the tokens of this role. */
async function settingsOf(target: string, { name, emails }: Role): Promise<string> {
  const settings = readFileSync(SETTINGS, "utf8").replace('"HOOKS"', JSON.stringify(HOOKS));
  const tokens = await Promise.all(emails.map((email) => logIn(target, email)));
  const headers = tokens.map((token) => ({ Authorization: `Bearer ${token}` }));
  if (emails.length === 1) return `${settings}\n[headers]\nAuthorization = "Bearer ${tokens[0]}"\n`;
  const people = emails.map((email, index) => ({ name: email, fixedHeaders: named(headers[index] ?? {}) }));
  const file = path.join(REPORTS, `${name}-people.json`);
  writeFileSync(file, JSON.stringify({ auth: people }));
  return `${settings}\n[auth.wfc]\npath = ${JSON.stringify(file)}\npeers = ${JSON.stringify(emails)}\n`;
}

function named(headers: Record<string, string>): { name: string; value: string }[] {
  return Object.entries(headers).map(([name, value]) => ({ name, value }));
}

// The demo's people have their role for a password; who is not among them yet registers.
async function logIn(target: string, email: string): Promise<string> {
  const password = `shopfloor-${email.split("@", 1)[0]}`;
  await send(`${target}/api/v1/users/register`, { email, password, full_name: "Somebody" });
  const answer = await send(`${target}/api/v1/users/login`, { email, password });
  const { access_token: token } = (await answer.json()) as { access_token?: string };
  if (token === undefined) throw new Error(`cannot log in as ${email}: ${answer.status}`);
  return token;
}

function send(url: string, body: Record<string, string>): Promise<Response> {
  const headers = { "content-type": "application/json" };
  return fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
}

async function runToEnd(command: string, arguments_: string[]): Promise<{ text: string; ending: string }> {
  const child = spawn(command, arguments_, {
    cwd: REPORTS,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: ROLE_WITHIN_MS,
  });
  const interrupt = () => child.kill("SIGTERM");
  stopping.signal.addEventListener("abort", interrupt, { once: true });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (text += part.toString()));
  const [code, signal] = await once(child, "close");
  stopping.signal.removeEventListener("abort", interrupt);
  return { text, ending: signal === null ? `code ${String(code)}` : String(signal) };
}

function count({ operations, test_cases, failures }: Report): Result {
  const broken = new Set(
    failures.flatMap((failure) => failure.operations.map((operation) => JSON.stringify(operation))),
  );
  const failed = broken.size + operations.errored;
  return { passed: operations.tested - broken.size, failed, cases: test_cases.generated, failures: [...broken] };
}
