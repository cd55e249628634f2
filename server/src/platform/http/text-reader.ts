import type { TSchema } from "typebox";

// Decimal and canonical: "0x10", "1e1", " 7" and "007" would make several names for one resource.
const INTEGER = /^(?:0|-?[1-9]\d{0,15})$/;
const NUMBER = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,10})?$/;

type PartSchema = { type?: unknown; items?: PartSchema; properties?: Record<string, PartSchema> };

/**
 * Reads the text of a query, a path or headers in place, as far as the schema wants numbers, booleans or lists.
 * What can't be read stays text, for the validation to complain about.
 */
export function textReader(schema: TSchema): (input: unknown) => void {
  const typed = Object.entries((schema as PartSchema).properties ?? {}).filter(([, part]) => part.type !== "string");
  return (input) => {
    const fields = input as Record<string, unknown>;
    for (const [name, part] of typed) {
      if (fields[name] !== undefined) fields[name] = readPart(part, fields[name]);
    }
  };
}

function readPart(part: PartSchema, value: unknown): unknown {
  if (part.type === "array") {
    const { items = {} } = part;
    return [value].flat().map((item) => readPart(items, item));
  }
  if (typeof value !== "string") return value;
  if (part.type === "integer") return INTEGER.test(value) ? Number(value) : value;
  if (part.type === "number") return NUMBER.test(value) ? Number(value) : value;
  if (part.type === "boolean" && (value === "true" || value === "false")) return value === "true";
  return value;
}
