import path from "node:path";
import { type Breach, isTest, lineOf, type Rule, type Source } from "./source.ts";

type Import = {
  /** a path from the root of the repository, or the name of a package */
  target: string;
  /** the names that exist at run time; `*` for a namespace or a whole module */
  values: string[];
  line: number;
};

const DRIVERS = /^(pg|redis|@redis\/.+|ioredis|rabbitmq-client|amqplib|nodemailer|@aws-sdk\/.+|@elastic\/.+)(\/|$)/;
const MODULE = /^server\/src\/modules\/([^/]+)\//;
// At the top of the module: a folder inside of it opens no door of its own.
const DOORS = /^server\/src\/modules\/[^/]+\/(?:public|events)\.ts$/;

/** Who may import whom. Each entry: whose imports, which of them are refused, and why. */
const WALLS: { from: RegExp; refuses(found: Import, source: Source): boolean; because: string }[] = [
  {
    from: MODULE,
    refuses: ({ target }, source) => isForeignInside(target, source),
    because: "a module sees of another one its public.ts and events.ts only",
  },
  {
    from: MODULE,
    refuses: ({ target }, source) => !isTest(source.path) && DRIVERS.test(target),
    because: "drivers are used by platform only",
  },
  {
    from: MODULE,
    refuses: ({ target, values }, source) =>
      !isTest(source.path) && /^kysely(\/|$)/.test(target) && !isSqlOf(source, values),
    because: "SQL stands in repositories and checks: they may use `sql`, everybody else types at most",
  },
  {
    from: MODULE,
    refuses: ({ target, values }, source) => !isTest(source.path) && isComposition(target) && values.length > 0,
    because: "a module is given what it needs; it composes and configures nothing",
  },
  {
    from: /^server\/src\/platform\//,
    refuses: ({ target, values }) => MODULE.test(target) || (isComposition(target) && values.length > 0),
    because: "platform knows no module and nothing that composes them",
  },
  {
    from: /^server\/src\/(config|settings|permissions)\.ts$/,
    refuses: ({ target }) => target.startsWith("server/") && target !== "server/src/settings.ts",
    because: "the configuration and the table of permissions import nothing of ours",
  },
  {
    from: /^(?!server\/src\/composition\.ts$)/,
    refuses: ({ target }) => /^server\/src\/modules\/[^/]+\/module\.ts$/.test(target),
    because: "module.ts is for composition.ts alone",
  },
  {
    from: /./,
    refuses: ({ target }) => target === "server/src/main.ts",
    because: "main.ts is the command line; nobody imports it",
  },
  {
    from: /^(assay|console)\//,
    refuses: ({ target }) => /^(server\/|@shopfloor\/server)/.test(target),
    because: "it has to work against any server, so it knows nothing of ours",
  },
  {
    from: /^server\//,
    refuses: ({ target }) => /^(assay|console)\//.test(target) || /^@shopfloor\/(assay|console)/.test(target),
    because: "the server needs neither its examiner nor its console",
  },
  {
    from: /^server\/migrations\//,
    refuses: ({ target }) => target.startsWith("server/"),
    because: "a migration must mean the same in a year, so it depends on no code of ours",
  },
  {
    from: /^server\/(src|migrations|seeds)\//,
    refuses: ({ target }, source) =>
      !isTest(source.path) && (isTest(target) || /^(vitest|fast-check|oxc-parser)/.test(target)),
    because: "what is shipped needs nothing of the tests",
  },
];

export const walls: Rule = (source) =>
  importsOf(source).flatMap((found) =>
    WALLS.filter((wall) => wall.from.test(source.path) && wall.refuses(found, source)).map((wall): Breach => {
      return { path: source.path, line: found.line, message: `imports ${found.target}: ${wall.because}` };
    }),
  );

/** Static, dynamic and type imports, and re-exports. A dynamic import whose target is computed is left out. */
function importsOf(source: Source): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, values: string[], offset: number) => {
    found.push({ target: resolve(source.path, specifier), values, line: lineOf(source, offset) });
  };
  for (const { moduleRequest, entries, start } of source.module.staticImports) {
    const values = entries.filter((entry) => !entry.isType).map((entry) => entry.importName.name ?? "*");
    add(moduleRequest.value, entries.length === 0 ? ["*"] : values, start);
  }
  for (const { moduleRequest, importName, isType, start } of source.module.staticExports.flatMap(
    (one) => one.entries,
  )) {
    if (moduleRequest !== null) add(moduleRequest.value, isType ? [] : [importName.name ?? "*"], start);
  }
  source.visit({
    ImportExpression: ({ source: target, start }) => {
      if (target.type === "Literal" && typeof target.value === "string") add(target.value, ["*"], start);
    },
    TSImportType: ({ source: target, start }) => add(target.value, [], start),
  });
  return found;
}

function resolve(from: string, specifier: string): string {
  if (specifier.startsWith("#")) return `server/${specifier.slice(1)}`;
  return specifier.startsWith(".") ? path.posix.join(path.posix.dirname(from), specifier) : specifier;
}

function isForeignInside(target: string, source: Source): boolean {
  const theirs = MODULE.exec(target)?.[1];
  return theirs !== undefined && theirs !== MODULE.exec(source.path)?.[1] && !DOORS.test(target);
}

function isComposition(target: string): boolean {
  return /^server\/src\/((?!permissions\.ts$)[^/]+\.ts|commands\/.*)$/.test(target);
}

function isSqlOf(source: Source, values: string[]): boolean {
  const allowed = /(^|[-/])(?:repository|checks)\.ts$/.test(source.path) ? ["sql"] : [];
  return values.every((name) => allowed.includes(name));
}
