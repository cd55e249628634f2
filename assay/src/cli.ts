import { writeFileSync } from "node:fs";
import path from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { runFeatures } from "./run.ts";
import { readSettings, type Settings } from "./settings.ts";
import { findObstacle } from "./target.ts";

const ALL_PASSED = 0;
const SOME_FAILED = 1;
const NOT_RUN = 2;

const PARALLEL_MAX = 16;

type Flags = {
  target?: string;
  tags: string;
  parallel: number;
  dryRun: boolean;
  json?: string;
  messages?: string;
};

const program = new Command("assay")
  .description("Examines a server that claims to implement the shop's contract, whatever it is written in")
  .showHelpAfterError()
  // Commander leaves with 1 for a wrong command line, but 1 says that the server failed.
  .exitOverride((error) => process.exit(error.exitCode === 0 ? ALL_PASSED : NOT_RUN));

program
  .command("run")
  .description("hold a server to the features; exit code 0: all passed, 1: some failed, 2: nothing was examined")
  .argument("[features...]", "feature files or folders, as from the folder assay", [])
  .option("--target <url>", "the server to examine (default: $TARGET, else http://127.0.0.1:8000)")
  .option("--tags <expression>", "only these scenarios, for instance '@orders and not @concurrency'", "")
  .option("--parallel <n>", "how many scenarios run at the same time", wholeNumber, 1)
  .option("--dry-run", "match the steps of the features and send nothing", false)
  .option("--json <file>", "write the counts and the failed scenarios to this file")
  .option("--messages <file>", "write the messages of Cucumber to this file")
  .action(async (features: string[], flags: Flags) => {
    process.exitCode = await examine(features, flags);
  });

await program.parseAsync();

async function examine(features: string[], flags: Flags): Promise<number> {
  const settings = understood(flags.target);
  if (settings === undefined) return NOT_RUN;
  if (!flags.dryRun) {
    const obstacle = await findObstacle(settings.target);
    if (obstacle !== undefined) return complain(obstacle);
  }
  const { json, messages, ...options } = flags;
  const tally = await runFeatures({ ...options, settings, paths: features, messages }, (text) => console.log(text));
  if (json !== undefined) writeFileSync(path.resolve(json), `${JSON.stringify(tally)}\n`);
  if (tally.passed + tally.failed === 0 && !(flags.dryRun && tally.skipped > 0))
    return complain("No scenario was run: look at the tags and the files");
  return tally.failed === 0 ? ALL_PASSED : SOME_FAILED;
}

function understood(target: string | undefined): Settings | undefined {
  try {
    return readSettings(process.env, target);
  } catch (error) {
    complain(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

function complain(message: string): number {
  console.error(`assay: ${message}`);
  return NOT_RUN;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= PARALLEL_MAX) return value;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${PARALLEL_MAX}.`);
}
