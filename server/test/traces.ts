import { sql } from "kysely";
import { createDatabase } from "#src/platform/database/database.ts";
import { createPool } from "#src/platform/database/pool.ts";
import { createLog } from "#src/platform/telemetry/log.ts";

type Column = { table_name: string; column_name: string; data_type: string };

/**
 * Looks for words in every column of every table, whatever tables there are by now.
 * @returns `table.column: word` for each find; and how many columns were searched, so that a test can see that it looked
 */
export async function findTraces(
  databaseUrl: string,
  words: string[],
): Promise<{ found: string[]; columns: number; rows: number }> {
  const log = createLog({ logLevel: "silent", process: "test" });
  const db = createDatabase(createPool({ url: databaseUrl, max: 1, work: "job", name: "traces", log }));
  try {
    const columns = await sql<Column>`
      SELECT c.table_name, c.column_name, c.data_type FROM information_schema.columns c
      JOIN information_schema.tables t USING (table_schema, table_name)
      WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')
      ORDER BY c.table_name, c.ordinal_position`.execute(db);
    const found: string[] = [];
    let rows = 0;
    for (const { table_name, column_name, data_type } of columns.rows) {
      const column = sql.ref(column_name);
      // Bytes that are text show as such; the others as \\ooo, in which no word of ours can hide.
      const text = data_type === "bytea" ? sql`encode(${column}, 'escape')` : sql`${column}::text`;
      const read = await sql<{ text: string | null }>`SELECT ${text} AS text FROM ${sql.table(table_name)}`.execute(db);
      rows += read.rows.length;
      const held = words.filter((word) => read.rows.some((row) => holds(row.text ?? "", word)));
      found.push(...held.map((word) => `${table_name}.${column_name}: ${word}`));
    }
    return { found, columns: columns.rows.length, rows };
  } finally {
    await db.destroy();
  }
}

/** Whether a text has a word in it, in whatever case, and as base64 or percent-encoded too. */
export function holds(text: string, word: string): boolean {
  const lower = text.toLowerCase();
  return formsOf(word).some((form) => lower.includes(form.toLowerCase()));
}

function formsOf(word: string): string[] {
  const base64 = [0, 1, 2].map((shift) => {
    const coded = Buffer.from(`${" ".repeat(shift)}${word}`).toString("base64url");
    // The ends depend on what stands beside the word.
    return coded.slice(shift === 0 ? 0 : shift + 1, -2);
  });
  return [word, encodeURIComponent(word), Buffer.from(word).toString("hex"), ...base64];
}
