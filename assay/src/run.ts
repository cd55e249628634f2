import path from "node:path";
import { Writable } from "node:stream";
import { loadConfiguration, runCucumber } from "@cucumber/cucumber/api";
import { drySummaryOf, featureLine, summaryOf, type Tally, tallyOf } from "./report.ts";
import { collectResults, type FeatureResult } from "./results.ts";
import type { Settings } from "./settings.ts";

export type RunOptions = {
  settings: Settings;
  /** a tag expression such as `@orders and not @concurrency`; empty: everything */
  tags: string;
  /** feature files or folders below `features`; empty: all */
  paths: string[];
  /** how many scenarios run at the same time */
  parallel: number;
  /** only match the steps with their functions, and send nothing */
  dryRun: boolean;
  /** where Cucumber's own messages are written, one JSON object per line */
  messages: string | undefined;
};

const ROOT = path.resolve(import.meta.dirname, "..");

/**
 * Runs the features against the target and reports while it goes.
 * @param options what to run and against what
 * @param print takes the report, piece by piece, without the newline at the end
 * @returns the counts; all zero when no scenario matched
 * @throws Error when the features or the steps can't be read
 */
export async function runFeatures(options: RunOptions, print: (text: string) => void): Promise<Tally> {
  const features: FeatureResult[] = [];
  const complaints: string[] = [];
  const collect = collectResults((feature) => {
    features.push(feature);
    print(featureLine(feature));
  });
  let hookFault: string | undefined;
  const { runConfiguration } = await loadConfiguration(
    {
      file: false,
      provided: {
        paths: options.paths.length > 0 ? options.paths : ["features/**/*.feature"],
        import: ["steps/**/*.ts"],
        tags: options.tags,
        parallel: options.parallel,
        dryRun: options.dryRun,
        format: options.messages === undefined ? [] : [["message", path.resolve(options.messages)]],
        worldParameters: options.settings,
      },
    },
    environment(complaints),
  );
  const { success } = await runCucumber(runConfiguration, environment(complaints), (message) => {
    collect(message);
    hookFault ??= message.testRunFinished?.exception?.message;
  });
  const tally = tallyOf(features);
  if (hookFault !== undefined) complaints.push(hookFault);
  const ran = tally.passed + tally.failed + tally.skipped;
  // Cucumber reports unreadable features on its error stream and by its result only.
  if (!success && tally.failed === 0) throw new Error(complaints.join("").trim() || "Cucumber failed without a word");
  if (ran > 0) print(options.dryRun ? drySummaryOf(features) : summaryOf(features, options.settings.target));
  return tally;
}

function environment(complaints: string[]) {
  const stdout = new Writable({ write: (_chunk, _encoding, done) => done() });
  const stderr = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      complaints.push(chunk.toString());
      done();
    },
  });
  return { cwd: ROOT, stdout, stderr, env: { ...process.env, CUCUMBER_PUBLISH_QUIET: "true" } };
}
