import { glob, readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";

const SOURCES = path.resolve(import.meta.dirname, "../src");
const RUNBOOK = path.resolve(import.meta.dirname, "../../docs/runbook.md");
const FEWEST_LIMITS = 120;

/** Numbers that bound nothing: lengths of what we make ourselves, codes of protocols, widths of a terminal. */
const NO_LIMITS = new Set(
  `INT8 TIMESTAMPTZ STANDARD_ERROR STATE START_TICKS PORT_LINE STATUS_LINE SAMPLED CLIENT_CLOSED_REQUEST PORT METRICS_PORT
  FIRST_FAILURE FIRST_FAULT TOO_MANY_REQUESTS OLDER_THAN_KNOWN NOT_THERE FIRST_ERROR_STATUS LAST_ERROR_STATUS OLDEST_NODE OLDEST_VERSION HASH_LENGTH CHECKSUM_LENGTH VERSION_00_LENGTH POOL_BYTES
  TRACE_ID_BYTES AUDIT_KEY_BYTES ADMINS_LOCK SEED_BYTES SEED_LENGTH SPAN_ID_BYTES PASSWORD_BYTES SECRET_BYTES KEY_ID_BYTES TOKEN_BYTES ALL_GROUPS MS_PER_SECOND SECONDS_PER_MINUTE ARGON2_VERSION FEWEST_IN_A_ROW LONGEST_ODD_UNIT YEAR_LENGTH CUT_LENGTH MIN_WIDTH LABEL_WIDTH NAME_WIDTH`.split(
    /\s+/,
  ),
);

test("the runbook names every limit of the sources, with its value, and none that is not there", async () => {
  const limits = await readLimits();
  expect(limits.length).toBeGreaterThan(FEWEST_LIMITS);
  expect((await readRunbook()).toSorted()).toEqual(limits.toSorted());
});

test("each row of the runbook has a unit and says what it bounds", async () => {
  const rows = (await readFile(RUNBOOK, "utf8")).split("\n").filter((line) => line.startsWith("| `"));
  const cells = rows.map((row) => row.split("|").map((cell) => cell.trim()));
  expect(cells.filter(([, , , unit, what]) => !unit || !what)).toEqual([]);
});

/** `file name value` for each number in capitals, for those inside of objects in capitals, and for the environment. */
async function readLimits(): Promise<string[]> {
  const limits: string[] = [];
  for await (const file of glob("**/*.ts", {
    cwd: SOURCES,
    exclude: (name) => /\.(?:test|contract)\.ts$/.test(name),
  })) {
    const source = await readFile(path.join(SOURCES, file), "utf8");
    const found = [...numbersOf(source), ...environmentOf(source), ...objectsOf(source)];
    const kept = found.filter(([name]) => !NO_LIMITS.has(name));
    limits.push(...kept.map(([name, value]) => `${file.split(path.sep).join("/")} ${name} ${value}`));
  }
  return limits;
}

type Found = [name: string, value: number];

function numbersOf(source: string): Found[] {
  const declared = source.matchAll(/^(?:export )?const ([A-Z][A-Z0-9_]*) = (\d[\d_ *]*);/gm);
  return [...declared].map(([, name = "", value = ""]) => [name, valueOf(value)]);
}

function environmentOf(source: string): Found[] {
  const read = source.matchAll(/read\.integer\("(\w+)", (\d[\d_]*),/g);
  return [...read].map(([, name = "", value = ""]) => [name, valueOf(value)]);
}

function objectsOf(source: string): Found[] {
  const declared = source.matchAll(/^(?:export )?const ([A-Z][A-Z0-9_]*) = (\{.*\}|\{\n[\s\S]*?\n\})(?: as const)?;/gm);
  return [...declared].flatMap(([, name = "", text = ""]) => {
    const inner = [...text.slice(1).matchAll(/(\w+): (\{[^{}]*\})/g)];
    const groups = inner.length > 0 ? inner.map(([, group, fields]) => [`${name}.${group}`, fields]) : [[name, text]];
    return groups.flatMap(([prefix = "", fields = ""]) =>
      [...fields.matchAll(/(\w+): (\d[\d_]*)(?=[,\s])/g)].map(([, key, value = ""]): Found => [
        `${prefix}.${key}`,
        valueOf(value),
      ]),
    );
  });
}

function valueOf(text: string): number {
  return text.split("*").reduce((product, factor) => product * Number(factor.replaceAll("_", "")), 1);
}

async function readRunbook(): Promise<string[]> {
  const rows = (await readFile(RUNBOOK, "utf8")).matchAll(/^\| `([\w.]+)` \| ([\d,]+) \|.*\| `([^`]+)` \|$/gm);
  return [...rows].map(([, name = "", value = "", file = ""]) => `${file} ${name} ${value.replaceAll(",", "")}`);
}
