import { readFile } from "node:fs/promises";
import path from "node:path";
import { type Breach, isTest, lineOf, ROOT, type Rule } from "./source.ts";

/** Which part of the server owns a table: the name of a module, or `platform`. */
export type Owners = Map<string, string>;

const START = "A module touches only its own:";
// After these words SQL names tables, one or several with commas between them.
const NAMED_IN_SQL =
  /\b(?:from|join|into|update|truncate|table|using|lock)\s+(?:only\s+|table\s+)?((?:"?\w+"?(?:\s+(?:as\s+)?\w+)?\s*,\s*)*"?\w+"?)/gi;
const KYSELY_CALLS =
  /^(selectFrom|insertInto|replaceInto|updateTable|deleteFrom|mergeInto|from|using|table|(inner|left|right|full|cross)Join(Lateral)?)$/;

/** Reads the owners from ARCHITECTURE.md, so that what is written there is what is enforced. */
export async function readOwners(): Promise<Owners> {
  const document = await readFile(path.join(ROOT, "ARCHITECTURE.md"), "utf8");
  const after = document.split(START)[1];
  if (after === undefined) throw new Error(`ARCHITECTURE.md has no sentence "${START}"`);
  const [paragraph = ""] = after.trim().split(/\n\s*\n/);
  const owners: Owners = new Map();
  for (const part of paragraph.replaceAll(/\s+/g, " ").replace(/\.$/, "").split("·")) {
    const [owner = "", list = ""] = part.split(":");
    for (const name of list.split(",")) owners.set(name.replace(/^ *view /, "").trim(), owner.trim());
  }
  return owners;
}

/** SQL of a module, or of platform, names no table of somebody else. Tests may look everywhere. */
export function ownTables(owners: Owners): Rule {
  return (source) => {
    const self = /^server\/src\/(?:modules\/([^/]+)|(platform))\//.exec(source.path);
    if (self === null || isTest(source.path)) return [];
    const owner = self[1] ?? "platform";
    const breaches: Breach[] = [];
    const check = (name: string, offset: number) => {
      const theirs = owners.get(name);
      if (theirs === undefined || theirs === owner) return;
      breaches.push({ path: source.path, line: lineOf(source, offset), message: `${name} is a table of ${theirs}` });
    };
    source.visit({
      Literal: ({ value, start }) => {
        if (typeof value === "string") for (const name of tablesIn(value)) check(name, start);
      },
      TemplateLiteral: ({ quasis, start }) => {
        const text = quasis.map((part) => part.value.cooked ?? part.value.raw).join(" $0 ");
        for (const name of tablesIn(text)) check(name, start);
      },
      CallExpression: ({ callee, arguments: given, start }) => {
        if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return;
        if (!KYSELY_CALLS.test(callee.property.name)) return;
        const [first] = given;
        const named = first?.type === "ArrayExpression" ? first.elements : [first];
        for (const one of named) {
          if (one?.type === "Literal" && typeof one.value === "string")
            check(one.value.trim().split(/\s/)[0] ?? "", start);
        }
      },
    });
    return breaches;
  };
}

function tablesIn(text: string): string[] {
  const lists = [...text.matchAll(NAMED_IN_SQL)].map((match) => match[1] ?? "");
  return lists.flatMap((list) => list.split(",").map((name) => name.trim().split(/\s/)[0]?.replaceAll('"', "") ?? ""));
}
