import type { FeatureResult, ScenarioResult, Verdict } from "./results.ts";

/** What a run comes to. An undefined step is a failure: nothing was examined. */
export type Tally = {
  passed: number;
  failed: number;
  skipped: number;
  /** a line for each failed scenario: where it stands, its name and step */
  failures: string[];
};

const VERDICTS: Verdict[] = ["passed", "failed", "undefined", "skipped"];

/** Sums the scenarios of all features. */
export function tallyOf(features: FeatureResult[]): Tally {
  const scenarios = features.flatMap((feature) => feature.scenarios);
  const counted = (wanted: Verdict) => scenarios.filter(({ verdict }) => verdict === wanted).length;
  const lost = scenarios.filter(({ verdict }) => verdict === "failed" || verdict === "undefined");
  return {
    passed: counted("passed"),
    failed: lost.length,
    skipped: counted("skipped"),
    failures: lost.map(({ file, line, name, step }) => `${file}:${line} ${name}: ${step}`),
  };
}

/** One line for a feature: its counts, its name and the requirements that it holds the server to. */
export function featureLine({ file, scenarios }: FeatureResult): string {
  const counts = VERDICTS.map(
    (verdict) => [verdict, scenarios.filter((one) => one.verdict === verdict).length] as const,
  )
    .filter(([, count]) => count > 0)
    .map(([verdict, count]) => `${count} ${verdict}`);
  const ids = [...new Set(scenarios.flatMap(({ requirements }) => requirements))].toSorted();
  const sign = scenarios.some(({ verdict }) => verdict === "failed" || verdict === "undefined") ? "FAIL" : " ok ";
  return `${sign}  ${file.replace(/^features\//, "")}: ${counts.join(", ")}${ids.length > 0 ? `  [${ids.join(" ")}]` : ""}`;
}

/** Everything that somebody who never saw the features needs to see a lost point: rule, step, reason, request. */
export function describeScenario(scenario: ScenarioResult): string {
  const ids = scenario.requirements.length > 0 ? `  [${scenario.requirements.join(" ")}]` : "";
  const lines = [
    `${scenario.verdict.toUpperCase()}  ${scenario.feature}: ${scenario.name}${ids}`,
    `  ${scenario.file}:${scenario.line}`,
    `  step: ${scenario.step}`,
  ];
  if (scenario.message !== "") lines.push(`  ${scenario.message.replaceAll("\n", "\n  ")}`);
  for (const evidence of scenario.evidence) lines.push("", `  ${evidence.replaceAll("\n", "\n  ")}`);
  return lines.join("\n");
}

/** The last lines of a dry run: every scenario with a step that nobody has written. */
export function drySummaryOf(features: FeatureResult[]): string {
  const scenarios = features.flatMap((feature) => feature.scenarios);
  const unwritten = scenarios.filter(({ verdict }) => verdict === "undefined");
  const said = unwritten.length === 0 ? "every step is known" : `${unwritten.length} with unknown or ambiguous steps`;
  return [...unwritten.map(describeScenario), `\ndry run: ${scenarios.length} scenarios, ${said}`].join("\n");
}

/** The last lines of a report: every scenario that did not pass, then the counts. */
export function summaryOf(features: FeatureResult[], target: string): string {
  const open = features.flatMap(({ scenarios }) => scenarios).filter(({ verdict }) => verdict !== "passed");
  const skipped = open.filter(({ verdict }) => verdict === "skipped");
  const lost = open.filter(({ verdict }) => verdict !== "skipped");
  const { passed, failed } = tallyOf(features);
  const counts = `${passed} passed, ${failed} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ""}`;
  return [
    ...skipped.map((scenario) => `\nSKIPPED  ${scenario.feature}: ${scenario.name}\n  step: ${scenario.step}`),
    ...lost.map((scenario) => `\n${describeScenario(scenario)}`),
    `\n${target}: ${counts}`,
  ].join("\n");
}
