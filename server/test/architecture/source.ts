import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { type Comment, type ParseResult, parseSync, Visitor, type VisitorObject } from "oxc-parser";

/** The folder of the repository. */
export const ROOT = path.resolve(import.meta.dirname, "../../..");

/** One parsed file; its path starts at the root of the repository and has forward slashes on every system. */
export type Source = {
  path: string;
  text: string;
  module: ParseResult["module"];
  comments: Comment[];
  /** the function that each rule gets its nodes from */
  visit(visitor: VisitorObject): void;
};

/** Something that a rule forbids, where it stands, and what it says. */
export type Breach = { path: string; line: number; message: string };
export type Rule = (source: Source) => Breach[];

/** Parses the text of a file. @throws Error when it is no TypeScript, because its imports would be overlooked */
export function parseSource(file: string, text: string): Source {
  const result = parseSync(file, text, { preserveParens: false });
  const [error] = result.errors;
  if (error !== undefined) throw new Error(`${file} can't be parsed: ${error.message}`);
  const { program, module, comments } = result;
  return { path: file, text, module, comments, visit: (visitor) => new Visitor(visitor).visit(program) };
}

/** Every TypeScript file below a folder of the repository; none when there is no such folder yet. */
export async function readSources(folder: string): Promise<Source[]> {
  const found = await readdir(path.join(ROOT, folder), { recursive: true, withFileTypes: true }).catch(() => []);
  const files = found
    .filter((entry) => entry.isFile() && /\.[cm]?tsx?$/.test(entry.name))
    .map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, "/"))
    .filter((file) => !file.includes("node_modules/"));
  return await Promise.all(files.map(async (file) => parseSource(file, await readFile(path.join(ROOT, file), "utf8"))));
}

/** The line of an offset in the text, counted from 1. */
export function lineOf(source: Source, offset: number): number {
  return source.text.slice(0, offset).split("\n").length;
}

export function isTest(file: string): boolean {
  return /\.(test|contract)\.ts$/.test(file) || file.startsWith("server/test/");
}

export function isGenerated(file: string): boolean {
  return file.endsWith(".gen.ts");
}
