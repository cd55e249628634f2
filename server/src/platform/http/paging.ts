import { createHash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type SelectQueryBuilder, sql } from "kysely";
import { LRUCache } from "lru-cache";
import Type from "typebox";
import type { DbOrTrx } from "#src/platform/database/database.ts";
import type { Tables } from "#src/platform/database/tables.gen.ts";
import { badCursor, badRequest } from "./errors.ts";
import { Nullable, Strict, Text } from "./schemas.ts";

export const DEFAULT_LIMIT = 20;
export const MAX_LIMIT = 100;
/** Further on, `cursor` is the way: it costs the same on every page. */
export const MAX_SKIP = 100_000;
/** Up to here a total is counted; above, counting would cost more than the page. */
export const MAX_COUNTED = 10_000;
const LARGE_LISTS = 1_000;
const LARGE_LIST_MS = 10_000;
export const MAX_CURSOR_LENGTH = 6_000;
const MAX_CURSOR_TEXT = 1_000;
const CHECKSUM_LENGTH = 8;

/** What a column holds; cursors carry its values as PostgreSQL writes them, a Date would lose the microseconds. */
export type ColumnKind = "integer" | "time" | "text" | "uuid";
const KINDS: Record<ColumnKind, RegExp> = {
  integer: /^-?\d{1,16}$/,
  time: /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,6})?Z$/,
  text: /^[^\0]*$/s,
  uuid: /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
};

export type ListQuery = { skip: number; limit: number; cursor?: string; sort?: string };
export type ListOptions = {
  /** the columns that can be sorted by, none of them nullable; `id` must be one of them */
  columns: Record<string, ColumnKind>;
  /** as in `-created_at`: a minus means descending */
  defaultSort: string;
};
export type Page<Row> = { data: Row[]; next_cursor: string | null; total?: number };

/** The query of a list: skip, limit, cursor, sort, and the filters of this list. */
export function listQuery<Filters extends Type.TProperties>(options: ListOptions, filters: Filters) {
  const column = `-?(?:${Object.keys(options.columns).join("|")})`;
  return Strict({
    ...filters,
    skip: Type.Integer({ minimum: 0, maximum: MAX_SKIP, default: 0 }),
    limit: Type.Integer({ minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT }),
    cursor: Type.Optional(Text(0, MAX_CURSOR_LENGTH, { description: "next_cursor of the page before" })),
    sort: Type.Optional(
      Type.String({
        pattern: `^${column}(?:,${column})*$`,
        description: `columns by comma, descending with a minus; default ${options.defaultSort}`,
        examples: [options.defaultSort],
      }),
    ),
  });
}

/** The answer of a list. `next_cursor` is null on the last page; `total` is left out where counting is dear. */
export function pageOf<Row extends Type.TSchema>(row: Row) {
  return Strict({
    data: Type.Array(row),
    next_cursor: Nullable(Type.String()),
    total: Type.Optional(Type.Integer({ minimum: 0 })),
  });
}

/**
 * Reads one page of a select that names its columns, filtered and unsorted.
 * @throws badCursor (400) for a cursor that this list with this sort did not give out, badRequest (400) for skip with it
 */
export async function readPage<Table extends keyof Tables, Row extends object>(
  db: DbOrTrx,
  options: ListOptions,
  query: ListQuery,
  rows: SelectQueryBuilder<Tables, Table, Row>,
): Promise<Page<Row>> {
  const sort = query.sort ?? options.defaultSort;
  const terms = parseSort(sort);
  let page = rows.limit(query.limit + 1);
  for (const { column, descending } of terms) page = page.orderBy(sql.ref(column), descending ? "desc" : "asc");
  if (query.cursor === undefined) page = page.offset(query.skip);
  else {
    if (query.skip > 0) throw badRequest({ detail: "skip and cursor exclude each other" });
    page = page.where(after(terms, parseCursor(query.cursor, sort, terms, options)));
  }
  const found = await page.execute();
  const data = found.slice(0, query.limit);
  const last = found.length > query.limit ? data.at(-1) : undefined;
  const next_cursor = last === undefined ? null : formatCursor(sort, terms, last);
  if (query.cursor !== undefined) return { data, next_cursor };
  const total = last === undefined && data.length > 0 ? query.skip + data.length : await count(db, rows);
  return total === undefined ? { data, next_cursor } : { data, next_cursor, total };
}

/** Sends a page, with a link to the next one (RFC 8288). One that many requests share is serialised once. */
export function sendPage(request: FastifyRequest, reply: FastifyReply, page: Page<unknown>): FastifyReply {
  let sent = sentPages.get(page);
  if (sent?.url !== request.url) {
    sent = { url: request.url, text: sent?.text ?? (reply.serialize(page) as string), link: linkOf(request.url, page) };
    sentPages.set(page, sent);
  }
  if (sent.link !== undefined) reply.header("link", sent.link);
  return reply.type("application/json; charset=utf-8").send(sent.text);
}

const sentPages = new WeakMap<Page<unknown>, { url: string; text: string; link: string | undefined }>();

function linkOf(url: string, page: Page<unknown>): string | undefined {
  if (page.next_cursor === null) return undefined;
  const next = new URL(url, "http://host");
  next.searchParams.delete("skip");
  next.searchParams.set("cursor", page.next_cursor);
  return `<${next.pathname}${next.search}>; rel="next"`;
}

type Term = { column: string; descending: boolean };

// The id makes the order total: without it, equal rows could be skipped or come twice.
function parseSort(sort: string): Term[] {
  const terms = new Map<string, Term>();
  for (const part of sort.split(",")) {
    const term = { column: part.replace(/^-/, ""), descending: part.startsWith("-") };
    if (!terms.has(term.column)) terms.set(term.column, term);
  }
  const last = [...terms.values()].at(-1);
  if (!terms.has("id")) terms.set("id", { column: "id", descending: last?.descending ?? false });
  return [...terms.values()];
}

// One direction: a row comparison, which an index answers. Mixed ones must be spelled out.
function after(terms: Term[], values: string[]) {
  const columns = terms.map(({ column }) => sql.ref(column));
  const [first] = terms;
  if (first !== undefined && terms.every(({ descending }) => descending === first.descending)) {
    const operator = first.descending ? sql`<` : sql`>`;
    return sql<boolean>`(${sql.join(columns)}) ${operator} (${sql.join(values)})`;
  }
  const alternatives = terms.map(({ column, descending }, index) => {
    const equal = terms.slice(0, index).map((term, at) => sql`${sql.ref(term.column)} = ${values[at]}`);
    const beyond = sql`${sql.ref(column)} ${descending ? sql`<` : sql`>`} ${values[index]}`;
    return sql`(${sql.join([...equal, beyond], sql` AND `)})`;
  });
  return sql<boolean>`(${sql.join(alternatives, sql` OR `)})`;
}

function formatCursor(sort: string, terms: Term[], row: object): string {
  const values = terms.map(({ column }) => String((row as Record<string, unknown>)[column]));
  return writeCursor([sort, ...values]);
}

/** An opaque cursor that carries these texts; for lists that `readPage` does not read. */
export function writeCursor(texts: string[]): string {
  const content = Buffer.from(JSON.stringify(texts)).toString("base64url");
  return `${content}.${checksum(content)}`;
}

/**
 * The texts that a cursor carries. Anybody can make one up: what they say must be checked like any input.
 * @throws badCursor (400) for one that is damaged, or carries another number of texts
 */
export function readCursor(cursor: string, length: number): string[] {
  const [content = "", sum] = cursor.split(".");
  if (sum !== checksum(content)) throw badCursor();
  const parsed = parseContent(content);
  if (!Array.isArray(parsed) || parsed.length !== length) throw badCursor();
  const texts = parsed as unknown[];
  return texts.map((text) => {
    if (typeof text === "string" && text.length <= MAX_CURSOR_TEXT && isOfKind("text", text)) return text;
    throw badCursor();
  });
}

function parseCursor(cursor: string, sort: string, terms: Term[], options: ListOptions): string[] {
  const [cursorSort, ...values] = readCursor(cursor, terms.length + 1);
  if (cursorSort !== sort) throw badCursor({ detail: "the cursor belongs to another sort" });
  values.forEach((value, index) => {
    if (!isOfKind(options.columns[terms[index]?.column ?? ""] ?? "text", value)) throw badCursor();
  });
  return values;
}

// The checksum finds accidents, it is no secret: whoever makes up a cursor must still get 400 and no database error.
function parseContent(content: string): unknown {
  try {
    return JSON.parse(Buffer.from(content, "base64url").toString());
  } catch {
    return undefined;
  }
}

/** Whether a text is what a cursor carries of such a column, so that PostgreSQL can read it. */
export function isOfKind(kind: ColumnKind, value: string): boolean {
  if (!KINDS[kind].test(value)) return false;
  // February has no 30th; a Date would silently make March of it.
  return kind !== "time" || new Date(value).toISOString().startsWith(value.slice(0, 10));
}

function checksum(content: string): string {
  return createHash("sha256").update(`cursor ${content}`).digest("base64url").slice(0, CHECKSUM_LENGTH);
}

async function count<Table extends keyof Tables, Row>(
  db: DbOrTrx,
  rows: SelectQueryBuilder<Tables, Table, Row>,
): Promise<number | undefined> {
  const counted = rows
    .clearSelect()
    .clearOrderBy()
    .select(sql`1`.as("one"))
    .limit(MAX_COUNTED + 1);
  const question = db
    .selectFrom(counted.as("counted"))
    .select((select) => select.fn.countAll<number>().as("total"))
    .compile();
  const key = JSON.stringify([question.sql, question.parameters]);
  const large = largeLists.get(db) ?? new LRUCache({ max: LARGE_LISTS, ttl: LARGE_LIST_MS });
  largeLists.set(db, large);
  if (large.has(key)) return undefined;
  const total = (await db.executeQuery(question)).rows[0]?.total ?? 0;
  if (total <= MAX_COUNTED) return total;
  large.set(key, true);
  return undefined;
}

// What was too many to count a moment ago is not counted again: that costs more than the page, and has no result.
const largeLists = new WeakMap<DbOrTrx, LRUCache<string, true>>();
