import { CsvError, type Info, parse } from "csv-parse/sync";
import { Compile } from "typebox/compile";
import { importUnreadable } from "#src/modules/catalogue/errors.ts";
import { type ProductLine, ProductLineFields } from "./import-schemas.ts";

/** Most lines of one file: so many are written in one transaction within seconds. */
export const MAX_IMPORT_LINES = 10_000;
const SEPARATOR_OF_TAGS = "|";

/** The columns of a file, in the order in which an export writes them. */
export const COLUMNS = ["sku", "name", "price_cents", "stock", "category", "tags", "description"] as const;
type Column = (typeof COLUMNS)[number];
const REQUIRED: Column[] = ["sku", "name", "price_cents"];
const WHOLE_NUMBER = /^\d{1,15}$/;

/** `line` counts from 1 and the header is the first, as an editor shows it; `mistake` says why it can't be taken. */
export type ReadLine = { line: number; sku: string; product: ProductLine | undefined; mistake: string | null };

const fields = Compile(ProductLineFields);

/**
 * Reads a CSV file (RFC 4180, UTF-8, with a header) of products. A column that is missing, or a field of it that is
 * empty, says nothing: an existing product keeps what it has. Tags are separated by `|`.
 * @returns a line for each record, the ones that are wrong with what is wrong; the same SKU twice is wrong as well
 * @throws importUnreadable (422) when it is no CSV, or its header is not one of ours
 */
export function readProductLines(text: string): ReadLine[] {
  const [header, ...records] = readRecords(text);
  const columns = readHeader(header?.record ?? []);
  if (records.length === 0) throw refused("there is no line below the header");
  if (records.length > MAX_IMPORT_LINES)
    throw refused(`there are ${records.length} lines, of which at most ${MAX_IMPORT_LINES} are taken at once`);
  const lines = records.map(({ record, info }) => readLine(columns, record, info.lines));
  return refuseRepeated(lines);
}

type Read = { record: string[]; info: Info };

function readRecords(text: string): Read[] {
  try {
    const options = { bom: true, info: true, skip_empty_lines: true, relax_column_count: true } as const;
    return parse(text, options) as unknown as Read[];
  } catch (error) {
    if (error instanceof CsvError) throw refused(error.message);
    throw error;
  }
}

function readHeader(header: string[]): Column[] {
  const names = header.map((name) => name.trim().toLowerCase());
  const unknown = names.filter((name) => !COLUMNS.some((column) => column === name));
  if (unknown.length > 0) throw refused(`the header names ${unknown.join(", ")}; known are ${COLUMNS.join(", ")}`);
  const missing = REQUIRED.filter((name) => !names.includes(name));
  if (missing.length > 0) throw refused(`the header lacks ${missing.join(", ")}`);
  if (new Set(names).size < names.length) throw refused("the header names a column twice");
  return names as Column[];
}

function readLine(columns: Column[], record: string[], line: number): ReadLine {
  const said = new Map(columns.map((column, index) => [column, record[index]?.trim() ?? ""] as const));
  const sku = said.get("sku") ?? "";
  const wrong = (mistake: string): ReadLine => ({ line, sku, product: undefined, mistake });
  if (record.length !== columns.length) return wrong(`has ${record.length} fields, the header ${columns.length}`);
  for (const column of ["price_cents", "stock"] as const) {
    const value = said.get(column) ?? "";
    if (value !== "" && !WHOLE_NUMBER.test(value)) return wrong(`${column} must be a whole number`);
  }
  const product = productOf(said);
  if (fields.Check(product)) return { line, sku, product, mistake: null };
  const [first] = fields.Errors(product);
  return wrong(`${first?.instancePath.slice(1).replaceAll("/", ".") || "it"} ${first?.message ?? "is wrong"}`);
}

function productOf(said: Map<Column, string>): Record<string, unknown> {
  const product: Record<string, unknown> = {};
  for (const [column, value] of said) {
    if (value === "") continue;
    if (column === "price_cents" || column === "stock") product[column] = Number(value);
    else if (column === "tags") product[column] = tagsOf(value);
    else product[column] = value;
  }
  return product;
}

function tagsOf(value: string): string[] {
  const tags = value.split(SEPARATOR_OF_TAGS).map((tag) => tag.trim());
  return [...new Set(tags.filter((tag) => tag !== ""))];
}

function refuseRepeated(lines: ReadLine[]): ReadLine[] {
  const first = new Map<string, number>();
  return lines.map((one) => {
    if (one.product === undefined) return one;
    const earlier = first.get(one.sku);
    if (earlier === undefined) first.set(one.sku, one.line);
    return earlier === undefined ? one : { ...one, product: undefined, mistake: `repeats the sku of line ${earlier}` };
  });
}

function refused(message: string) {
  return importUnreadable({ errors: [{ path: "", message }] });
}

/** One record of a CSV file, with its line end (RFC 4180). */
export function csvRecord(values: (string | number | null | string[])[]): string {
  return `${values.map(csvField).join(",")}\r\n`;
}

function csvField(value: string | number | null | string[]): string {
  const text = Array.isArray(value) ? value.join(SEPARATOR_OF_TAGS) : String(value ?? "");
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
