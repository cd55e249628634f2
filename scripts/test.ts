// Runs the suites one after the other, shows what they say, and ends with the sum of all of them:
//   scripts/node scripts/test.ts [--json FILE] [server] [faults] [outages] [assay] [versions] [migrations] [schemathesis]
// With --json, the sum is written to FILE too: { "passed": n, "failed": n, "skipped": n, "failures": [lines] }.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";

const ROOT = path.resolve(import.meta.dirname, "..");
// A suite that hangs must not hold up the machine that nobody watches.
const SUITE_WITHIN_MS = 900_000;
const MS_PER_SECOND = 1000;

type Counts = { passed: number; failed: number; skipped: number };
type Outcome = Counts & { skippedNames: string[]; failures: string[] };
type Suite = {
  /** arguments of Node that run the suite and write its result to a file */
  command(file: string): string[];
  read(result: unknown): Outcome;
};

/** Where processes are started, besieged and killed: what every change is held to ... */
const FAULTS = [
  "test/up.test.ts",
  "test/siege.test.ts",
  "test/faults/kills.test.ts",
  "test/faults/crashes.test.ts",
  "test/faults/search.test.ts",
];
/** ... and what takes minutes more, in CI: planted defects, a frozen or full database, migrations under load. */
const OUTAGES = ["test/faults/", "src/platform/postgres/"];
/** Where SQL stands that an older PostgreSQL may read otherwise. */
const VERSIONS = [
  "src/modules/catalogue/",
  "src/modules/operations/",
  "src/modules/orders/",
  "src/modules/identity/sessions/sessions.test.ts",
  "src/modules/identity/audit/audit.test.ts",
  "src/modules/identity/personal-data/personal-data.test.ts",
  "src/platform/database/",
  "src/platform/http/counters.test.ts",
  "src/platform/messaging/",
  "test/canaries.test.ts",
  "test/verify.test.ts",
];
/** What these say to PostgreSQL they say once more on PostgreSQL alone. */
const BROKERS = ["**/brokers/**", "**/engines.test.ts"];
/** What makes the tables itself, and compares them with today's. */
const MIGRATIONS = ["test/migrations.test.ts", "test/tables.test.ts"];

const SUITES: Record<string, Suite> = {
  // Tests mostly wait, so several files at a time; where many processes are killed, one file has both cores for itself.
  server: {
    command: (file) => {
      const others = [...FAULTS, ...OUTAGES.map((folder) => `${folder}**`)];
      return vitest(file, ["--maxWorkers=3", ...others.map((one) => `--exclude=${one}`)]);
    },
    read: readVitest,
  },
  faults: { command: (file) => vitest(file, ["--maxWorkers=1", ...FAULTS]), read: readVitest },
  outages: {
    command: (file) => vitest(file, ["--maxWorkers=2", ...OUTAGES, ...FAULTS.map((one) => `--exclude=${one}`)]),
    read: readVitest,
  },
  assay: {
    command: (file) => [path.join(ROOT, "scripts/assay.ts"), "--json", file],
    read: readReport,
  },
  // What speaks to PostgreSQL in its own tongue, once more on a server of another version: DATABASE_URL names it.
  // With NEXT_SCHEMA=true on the tables of the release after this one, too.
  versions: {
    command: (file) => vitest(file, ["--maxWorkers=3", ...BROKERS.map((one) => `--exclude=${one}`), ...VERSIONS]),
    read: readVitest,
  },
  migrations: { command: (file) => vitest(file, ["--maxWorkers=2", ...MIGRATIONS]), read: readVitest },
  schemathesis: {
    command: (file) => [path.join(ROOT, "scripts/schemathesis.ts"), "--json", file],
    read: readReport,
  },
};

/** Suites that nobody waits for unless asked to. */
const ON_DEMAND = new Set(["outages", "schemathesis", "versions", "migrations"]);
const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0 };

process.exitCode = await main(process.argv.slice(2));

async function main(given: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: given,
    allowPositionals: true,
    options: { json: { type: "string" } },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(SUITES).filter((name) => !ON_DEMAND.has(name));
  const lines: string[] = [];
  const failures: string[] = [];
  let sum = NOTHING;
  for (const name of names) {
    const suite = SUITES[name];
    if (suite === undefined) throw new Error(`there is no suite ${name}; there are: ${Object.keys(SUITES).join(", ")}`);
    const { outcome, seconds } = await run(name, suite);
    sum = add(sum, outcome);
    lines.push(`${name}: ${describe(outcome)} in ${seconds} s`);
    lines.push(...outcome.skippedNames.map((skipped) => `  skipped: ${skipped}`));
    // Named once more at the end, where they are found without reading thousands of lines.
    failures.push(...outcome.failures.map((failure) => `${name}: ${failure}`));
  }
  lines.push(...failures.map((failure) => `FAILED ${failure}`));
  if (!process.env["DATABASE_URL"] && !process.env["CI"] && names.includes("server")) {
    lines.push("Not run: what speaks to the database on PostgreSQL 15. This brings it:");
    lines.push(
      "  scripts/services/start postgres15 && . .services/env && scripts/node scripts/test.ts versions migrations",
    );
  }
  console.log(`\n${lines.join("\n")}`);
  if (values.json !== undefined) {
    mkdirSync(path.dirname(path.resolve(values.json)), { recursive: true });
    writeFileSync(values.json, `${JSON.stringify({ ...sum, failures })}\n`);
  }
  console.log(describe(sum));
  return sum.failed === 0 && sum.passed > 0 ? 0 : 1;
}

async function run(name: string, suite: Suite): Promise<{ outcome: Outcome; seconds: number }> {
  console.log(`\n== ${name}`);
  const folder = mkdtempSync(path.join(tmpdir(), "shopfloor-results-"));
  const file = path.join(folder, `${name}.json`);
  const begun = performance.now();
  try {
    const ending = await ended(suite.command(file));
    const seconds = Math.round((performance.now() - begun) / MS_PER_SECOND);
    const outcome = existsSync(file) ? suite.read(readJson(file)) : { ...NOTHING, skippedNames: [], failures: [] };
    const silent = outcome.passed + outcome.failed === 0;
    // A run that broke down or ran nothing has no failed test to show, and is none that passed.
    if (outcome.failed === 0 && (ending !== "code 0" || silent)) {
      const failure = `ended with ${ending}${silent ? " and no result" : " although no test failed"}`;
      return { outcome: { ...outcome, failed: 1, failures: [failure] }, seconds };
    }
    return { outcome, seconds };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function ended(command: string[]): Promise<string> {
  const child = spawn(process.execPath, command, { cwd: ROOT, stdio: "inherit", timeout: SUITE_WITHIN_MS });
  const pass = (signal: NodeJS.Signals) => child.kill(signal);
  process.on("SIGTERM", pass).on("SIGINT", pass);
  const { promise, resolve } = Promise.withResolvers<string>();
  child.once("error", (error) => resolve(error.message));
  child.once("exit", (code, signal) => resolve(signal ?? `code ${code}`));
  try {
    return await promise;
  } finally {
    process.off("SIGTERM", pass).off("SIGINT", pass);
  }
}

function vitest(file: string, options: string[]): string[] {
  const report = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
  const given = ["run", "--root", path.join(ROOT, "server"), ...options, ...report];
  return [path.join(ROOT, "node_modules/vitest/vitest.mjs"), ...given];
}

type VitestFile = {
  name: string;
  status: string;
  message: string;
  assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
};

/** A file that could not be loaded has failed, although no test in it did. */
function readVitest(result: unknown): Outcome {
  const { testResults } = result as { testResults: VitestFile[] };
  const tests = testResults.flatMap((file) => file.assertionResults);
  const count = (statuses: string[]) => tests.filter((test) => statuses.includes(test.status)).length;
  const broken = testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.every((test) => test.status !== "failed"),
  );
  const skipped = tests.filter((test) => !["passed", "failed"].includes(test.status));
  return {
    passed: count(["passed"]),
    failed: count(["failed"]) + broken.length,
    skipped: skipped.length,
    skippedNames: skipped.map((test) => test.fullName),
    failures: [
      ...tests
        .filter((test) => test.status === "failed")
        .map((test) => `${test.fullName}: ${firstLine(test.failureMessages.join("\n"))}`),
      ...broken.map((file) => `${path.relative(ROOT, file.name)}: ${firstLine(file.message)}`),
    ],
  };
}

function readReport(result: unknown): Outcome {
  const { passed, failed, skipped, failures } = result as Partial<Outcome>;
  return {
    passed: passed ?? 0,
    failed: failed ?? 0,
    skipped: skipped ?? 0,
    skippedNames: [],
    failures: failures ?? [],
  };
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? "";
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

function add(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

function describe({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`;
}
