import path from "node:path";
import { type Breach, isGenerated, isTest, lineOf, type Rule, type Source } from "./source.ts";

const MAX_FILE_LINES = 300;
const MAX_FUNCTION_LINES = 70;
const FORBIDDEN_NAMES = /^(utils?|helpers?|common|shared|dtos?|mappers?|entities)$/;
const KEBAB_FILE = /^[a-z0-9]+(-[a-z0-9]+)*(\.(test|contract|gen|config|d))?\.tsx?$/;
const MIGRATION_FILE = /^\d{4}_[a-z0-9]+(_[a-z0-9]+)*\.ts$/;
const ENVIRONMENT_READERS = /^server\/src\/(config\.ts|main\.ts|lambda\.ts|commands\/.+)$/;

export const fileSize: Rule = (source) => {
  const lines = source.text.trimEnd().split("\n").length;
  return isGenerated(source.path) || lines <= MAX_FILE_LINES ? [] : [at(source, 0, `has ${lines} lines`)];
};

/** The block of `describe` is a list of tests and no function that anybody has to grasp at once. */
export const functionSize: Rule = (source) => {
  const breaches: Breach[] = [];
  const lists = new Set<number>();
  const check = ({ start, end }: { start: number; end: number }) => {
    const lines = lineOf(source, end) - lineOf(source, start) + 1;
    if (lines > MAX_FUNCTION_LINES && !lists.has(start))
      breaches.push(at(source, start, `a function of ${lines} lines`));
  };
  source.visit({
    CallExpression: ({ callee, arguments: given }) => {
      if (callee.type === "Identifier" && callee.name === "describe") for (const one of given) lists.add(one.start);
    },
    FunctionDeclaration: check,
    FunctionExpression: check,
    ArrowFunctionExpression: check,
  });
  return isGenerated(source.path) ? [] : breaches;
};

/** A file that only passes on what others have hides where a thing is, and drags all of it in. */
export const noBarrels: Rule = (source) => {
  const exports = source.module.staticExports;
  const entries = exports.flatMap((one) => one.entries);
  const everything = exports.filter((one) => one.entries.some((entry) => entry.importName.kind.startsWith("All")));
  if (everything.length > 0) return everything.map((one) => at(source, one.start, "passes on everything of a file"));
  const imported = new Set(
    source.module.staticImports.flatMap((one) => one.entries.map((entry) => entry.localName.value)),
  );
  const passedOn = entries.filter((entry) => entry.moduleRequest !== null || imported.has(entry.localName.name ?? ""));
  return entries.length > 0 && passedOn.length === entries.length
    ? [at(source, 0, "only passes on what others have")]
    : [];
};

export const noDefaultExports: Rule = (source) => {
  if (source.path.endsWith(".config.ts")) return [];
  const entries = source.module.staticExports.flatMap((one) => one.entries);
  const defaults = entries.filter(
    (entry) => entry.exportName.kind === "Default" || entry.exportName.name === "default",
  );
  return defaults.map((entry) => at(source, entry.start, "a default export has another name in each importer"));
};

export const names: Rule = (source) => {
  const folders = path.posix.dirname(source.path).split("/");
  const file = path.posix.basename(source.path);
  const wrong = [...folders, file.split(".")[0] ?? ""].filter((name) => FORBIDDEN_NAMES.test(name));
  const pattern = source.path.startsWith("server/migrations/") ? MIGRATION_FILE : KEBAB_FILE;
  const breaches = wrong.map((name) => at(source, 0, `"${name}" says nothing about what is in it`));
  return pattern.test(file) ? breaches : [...breaches, at(source, 0, `${file} is not written like-this.ts`)];
};

/** One reader of the environment: a variable that is read elsewhere is neither checked nor shown by `doctor`. */
export const environment: Rule = (source) => {
  if (!/^server\/(src|seeds|migrations)\//.test(source.path)) return [];
  if (ENVIRONMENT_READERS.test(source.path) || isTest(source.path)) return [];
  const breaches: Breach[] = [];
  const report = ({ start }: { start: number }) => breaches.push(at(source, start, "reads the environment"));
  source.visit({
    MemberExpression: (node) => {
      const { object, property } = node;
      const name =
        property.type === "Identifier" ? property.name : property.type === "Literal" ? property.value : undefined;
      const wanted = object.type === "Identifier" && object.name === "process" && name === "env";
      // The PATH that a child process needs to be found is no configuration of ours.
      if (wanted && !/^(\["PATH"\]|\.PATH\b)/.test(source.text.slice(node.end))) report(node);
    },
    VariableDeclarator: (node) => {
      const taken =
        node.id.type === "ObjectPattern" && node.init?.type === "Identifier" && node.init.name === "process";
      if (taken && /\benv\b/.test(source.text.slice(node.id.start, node.id.end))) report(node);
    },
    ImportDeclaration: (node) => {
      const named = node.specifiers.some(
        (one) => one.type === "ImportSpecifier" && one.imported.type === "Identifier" && one.imported.name === "env",
      );
      if (/^(node:)?process$/.test(node.source.value) && named) report(node);
    },
  });
  return breaches;
};

/** A test that waits for a time is slow on a fast machine and wrong on a slow one. */
export const noSleeps: Rule = (source) => {
  if (!/\.(test|contract)\.ts$/.test(source.path)) return [];
  const breaches: Breach[] = [];
  const report = ({ start }: { start: number }) =>
    breaches.push(at(source, start, "waits for a time, not for a condition"));
  source.visit({
    NewExpression: (node) => {
      const waits = node.callee.type === "Identifier" && node.callee.name === "Promise";
      if (waits && /\bsetTimeout\b/.test(source.text.slice(node.start, node.end))) report(node);
    },
    CallExpression: (node) => {
      if (node.callee.type === "Identifier" && /^(sleep|delay|pause)$/.test(node.callee.name)) report(node);
    },
    ImportDeclaration: (node) => {
      if (/^(node:)?timers\/promises$/.test(node.source.value)) report(node);
    },
  });
  return breaches;
};

/** Who silences a tool says why, behind two dashes as in `oxlint-disable-next-line no-x -- because ...`. */
export const reasonedSuppressions: Rule = (source) =>
  source.comments
    .filter(({ value }) => /(ox|es)lint-disable|@ts-(expect-error|ignore|nocheck)|oxfmt-ignore|v8 ignore/.test(value))
    .filter(({ value }) => !/\s--\s+\S+\s+\S+/.test(value))
    .map((comment) => at(source, comment.start, "silences a tool and does not say why"));

function at(source: Source, offset: number, message: string): Breach {
  return { path: source.path, line: lineOf(source, offset), message };
}
