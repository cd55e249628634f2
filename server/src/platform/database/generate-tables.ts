import type { ClientBase } from "pg";

const HEADER = `// Generated from the migrations by \`scripts/node --run tables\`; a test compares. Do not edit.
import type { ColumnType, Generated, GeneratedAlways } from "kysely";

/** Goes in as text made by JSON.stringify: the driver would write a JavaScript array as an array of PostgreSQL. */
export type Json = ColumnType<unknown, string, string>;
export type JsonWithDefault = ColumnType<unknown, string | undefined, string>;
/** A column of a view: readable, never writable. */
export type ReadOnly<T> = ColumnType<T, never, never>;
`;

/** How our pool hands each type over. A type that is missing here is refused, so that nobody guesses. */
const TYPES: Record<string, string> = {
  bool: "boolean",
  bytea: "Buffer",
  float8: "number",
  inet: "string",
  int2: "number",
  int4: "number",
  int8: "number",
  numeric: "string",
  text: "string",
  _text: "string[]",
  timestamptz: "string",
  tsvector: "string",
  uuid: "string",
};

// PostgreSQL calls every column of a view nullable. These views promise more; any other is taken at its word.
const NULLABLE_IN_VIEW: Record<string, string[]> = {
  products: ["category", "sku"],
  all_products: ["category", "sku"],
};

type Column = {
  table_name: string;
  column_name: string;
  type: string;
  view: boolean;
  not_null: boolean;
  has_default: boolean;
  always: boolean;
  /** the states that a CHECK (column IN (...)) allows */
  states: string | null;
};

const COLUMNS = `
  SELECT c.relname AS table_name, a.attname AS column_name, t.typname AS type, c.relkind IN ('v', 'm') AS view,
         a.attnotnull AS not_null, a.atthasdef OR a.attidentity <> '' AS has_default,
         a.attidentity = 'a' OR a.attgenerated <> '' AS always,
         (SELECT min(pg_get_constraintdef(k.oid)) FROM pg_constraint k
          WHERE k.conrelid = c.oid AND k.contype = 'c' AND k.conkey = ARRAY[a.attnum]
            AND pg_get_constraintdef(k.oid) ~ '^CHECK \\(\\(\\w+ = ANY \\(ARRAY\\[') AS states
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
  WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
    AND c.relname NOT LIKE 'kysely\\_%' AND a.attnum > 0 AND NOT a.attisdropped
  ORDER BY c.relname COLLATE "C", a.attnum`;

/**
 * The TypeScript source of the types of every table and view in the schema `public`, for Kysely.
 * @throws Error when a column has a type of which it is not known how the pool hands it over
 */
export async function generateTables(client: ClientBase): Promise<string> {
  const { rows } = await client.query<Column>(COLUMNS);
  const tables = Map.groupBy(rows, (row) => row.table_name);
  const interfaces = [...tables].map(([name, columns]) => {
    const lines = columns.map((column) => `  ${column.column_name}: ${columnType(column)};`);
    return `export interface ${pascalCase(name)} {\n${lines.join("\n")}\n}\n`;
  });
  const members = [...tables.keys()].map((name) => `  ${name}: ${pascalCase(name)};`);
  return [HEADER, ...interfaces, `export interface Tables {\n${members.join("\n")}\n}\n`].join("\n");
}

function columnType(column: Column): string {
  if (column.type === "jsonb") return jsonType(column);
  const type = statesOf(column) ?? TYPES[column.type];
  if (type === undefined) {
    throw new Error(`${column.table_name}.${column.column_name} has the type ${column.type}: say how it is read`);
  }
  const full = isNullable(column) ? `${type} | null` : type;
  if (column.view) return `ReadOnly<${full}>`;
  if (column.always) return `GeneratedAlways<${full}>`;
  return column.has_default ? `Generated<${full}>` : full;
}

function jsonType(column: Column): string {
  if (column.view) return "ReadOnly<unknown>";
  const type = column.has_default || !column.not_null ? "JsonWithDefault" : "Json";
  return column.not_null ? type : `${type} | null`;
}

function isNullable({ table_name, column_name, view, not_null }: Column): boolean {
  return view ? (NULLABLE_IN_VIEW[table_name]?.includes(column_name) ?? true) : !not_null;
}

/** `CHECK ((role = ANY (ARRAY['customer'::text, 'staff'::text])))` as `"customer" | "staff"`. */
function statesOf({ states }: Column): string | undefined {
  const values = [...(states ?? "").matchAll(/'((?:[^']|'')*)'::text/g)];
  const names = values.map(([, value]) => JSON.stringify((value ?? "").replaceAll("''", "'")));
  return names.length === 0 ? undefined : names.join(" | ");
}

function pascalCase(name: string): string {
  return name.replaceAll(/(?:^|_)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
