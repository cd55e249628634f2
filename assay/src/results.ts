import type { runCucumber } from "@cucumber/cucumber/api";

/** A message of Cucumber's own protocol. */
export type Message = Parameters<NonNullable<Parameters<typeof runCucumber>[2]>>[0];
type Pickle = NonNullable<Message["pickle"]>;
type TestCase = NonNullable<Message["testCase"]>;
type StepFinished = NonNullable<Message["testStepFinished"]>;
type StepResult = StepFinished["testStepResult"];

export type Verdict = "passed" | "failed" | "undefined" | "skipped";

export type ScenarioResult = {
  feature: string;
  file: string;
  line: number;
  name: string;
  requirements: string[];
  verdict: Verdict;
  /** the step that did not pass, and what it said; empty when all passed */
  step: string;
  message: string;
  /** the exchange that shows the fault, as a curl line with its answer */
  evidence: string[];
};

export type FeatureResult = { file: string; name: string; scenarios: ScenarioResult[] };

// Our tags name a row of the requirements by the document and its number.
const REQUIREMENT_TAG = /^@(S\d-\d+)$/;
const STACK_LINE = /\n\s+at [\s\S]*/;

/**
 * Turns Cucumber's messages into results.
 * @param onFeature is told of a feature as soon as its last scenario has ended
 * @returns a function that takes each message as it comes
 */
export function collectResults(onFeature: (feature: FeatureResult) => void): (message: Message) => void {
  const pickles = new Map<string, Pickle>();
  const features = new Map<string, { name: string; lines: Map<string, number>; due: number; done: ScenarioResult[] }>();
  const cases = new Map<string, TestCase>();
  const running = new Map<string, ScenarioResult & { steps: Map<string, string> }>();

  function start(message: NonNullable<Message["testCaseStarted"]>): void {
    const testCase = cases.get(message.testCaseId);
    const pickle = pickles.get(testCase?.pickleId ?? "");
    const feature = features.get(pickle?.uri ?? "");
    if (testCase === undefined || pickle === undefined || feature === undefined) return;
    running.set(message.id, { ...fresh(pickle, feature), steps: stepTexts(testCase, pickle) });
  }

  function finish(id: string): void {
    const scenario = running.get(id);
    const feature = features.get(scenario?.file ?? "");
    if (scenario === undefined || feature === undefined) return;
    running.delete(id);
    const { steps: _steps, ...result } = scenario;
    feature.done.push(result);
    if (feature.done.length < feature.due) return;
    const scenarios = feature.done.toSorted((a, b) => a.line - b.line);
    onFeature({ file: result.file, name: feature.name, scenarios });
  }

  function plan(testCase: TestCase): void {
    cases.set(testCase.id, testCase);
    const feature = features.get(pickles.get(testCase.pickleId)?.uri ?? "");
    if (feature !== undefined) feature.due += 1;
  }

  function finishStep({ testCaseStartedId, testStepId, testStepResult }: StepFinished): void {
    const scenario = running.get(testCaseStartedId);
    if (scenario !== undefined) judge(scenario, scenario.steps.get(testStepId) ?? "a hook", testStepResult);
  }

  return (message) => {
    const { gherkinDocument: document, pickle, testCase, attachment } = message;
    if (document?.uri !== undefined) {
      const name = document.feature?.name ?? document.uri;
      features.set(document.uri, { name, lines: linesOf(document), due: 0, done: [] });
    } else if (pickle !== undefined) pickles.set(pickle.id, pickle);
    else if (testCase !== undefined) plan(testCase);
    else if (message.testCaseStarted !== undefined) start(message.testCaseStarted);
    else if (attachment !== undefined) running.get(attachment.testCaseStartedId ?? "")?.evidence.push(attachment.body);
    else if (message.testStepFinished !== undefined) finishStep(message.testStepFinished);
    else if (message.testCaseFinished !== undefined) finish(message.testCaseFinished.testCaseStartedId);
  };
}

function fresh(pickle: Pickle, feature: { name: string; lines: Map<string, number> }): ScenarioResult {
  return {
    feature: feature.name,
    file: pickle.uri,
    line: pickle.location?.line ?? feature.lines.get(pickle.astNodeIds.at(-1) ?? "") ?? 0,
    name: pickle.name,
    requirements: pickle.tags.flatMap(({ name }) => REQUIREMENT_TAG.exec(name)?.[1] ?? []),
    verdict: "passed",
    step: "",
    message: "",
    evidence: [],
  };
}

/**
 * Only the first step that does not pass counts, for what comes after it was not run; but a step that nobody has
 * written is found behind skipped ones, too, or a dry run would not see it.
 */
function judge(scenario: ScenarioResult, step: string, result: StepResult): void {
  const decided = scenario.verdict === "failed" || scenario.verdict === "undefined";
  const nothingNew = result.status === "PASSED" || (result.status === "SKIPPED" && scenario.verdict === "skipped");
  if (decided || nothingNew) return;
  scenario.step = step;
  scenario.message = (result.exception?.message ?? result.message ?? "").replace(STACK_LINE, "").trim();
  if (result.status === "SKIPPED") scenario.verdict = "skipped";
  else if (result.status === "FAILED") scenario.verdict = "failed";
  else {
    scenario.verdict = "undefined";
    scenario.message ||= `the step is ${result.status.toLowerCase()}`;
  }
}

function stepTexts(testCase: TestCase, pickle: Pickle): Map<string, string> {
  const texts = new Map(pickle.steps.map(({ id, text }) => [id, text]));
  return new Map(testCase.testSteps.map(({ id, pickleStepId }) => [id, texts.get(pickleStepId ?? "") ?? "a hook"]));
}

function linesOf(document: NonNullable<Message["gherkinDocument"]>): Map<string, number> {
  const lines = new Map<string, number>();
  for (const { scenario } of document.feature?.children ?? []) {
    if (scenario === undefined) continue;
    lines.set(scenario.id, scenario.location.line);
    for (const { tableBody } of scenario.examples) {
      for (const row of tableBody) lines.set(row.id, row.location.line);
    }
  }
  return lines;
}
