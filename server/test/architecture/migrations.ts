/**
 * What a migration must not do to a table that others use meanwhile: rewrite it, read all of it under a lock that keeps
 * writers out, or take away what the code before it still asks for. Tables of the same migration are nobody's yet.
 * Sources: the chapters ALTER TABLE and CREATE INDEX of PostgreSQL's manual.
 * @param text SQL, or a migration's source up to its `down`
 * @returns a line for each danger, with the way out
 */
export function dangersOf(text: string): string[] {
  const statements = text
    .replaceAll(/^\s*(--(?! unused since).*|\/\/.*)$/gm, "")
    .split(/;|`/)
    .map((statement) => statement.replaceAll(/\s+/g, " ").trim());
  const made = new Set(statements.flatMap((one) => /^CREATE TABLE (?:IF NOT EXISTS )?(\w+)/i.exec(one)?.[1] ?? []));
  const rests = new Set<string>();
  return statements.flatMap((statement) => {
    const dropped = /^DROP INDEX CONCURRENTLY IF EXISTS (\w+)/i.exec(statement)?.[1];
    if (dropped !== undefined) rests.add(dropped);
    if (made.has(tableOf(statement) ?? "")) return [];
    const index = /^CREATE (?:UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?(\w+)/i.exec(statement)?.[1];
    const found = DANGERS.filter(([pattern]) => pattern.test(statement)).map(([, way]) => way);
    if (index !== undefined && !rests.has(index)) found.push(`drop what a killed run left of ${index} first`);
    return found.map((way) => `${way}: ${statement}`);
  });
}

function tableOf(statement: string): string | undefined {
  const altered = /^ALTER TABLE (?:IF EXISTS )?(?:ONLY )?(\w+)/i.exec(statement)?.[1];
  return altered ?? /^CREATE (?:UNIQUE )?INDEX .*? ON (?:ONLY )?(\w+)/i.exec(statement)?.[1];
}

const ADD_COLUMN = String.raw`^ALTER TABLE .*ADD (?:COLUMN )?(?!CONSTRAINT|CHECK|FOREIGN|UNIQUE|PRIMARY|EXCLUDE)`;
const DANGERS: [pattern: RegExp, wayOut: string][] = [
  [/^CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)/i, "writers wait until the index is built: CREATE INDEX CONCURRENTLY"],
  [/^DROP INDEX (?!CONCURRENTLY)/i, "readers wait for it: DROP INDEX CONCURRENTLY"],
  [/^REINDEX (?!.*CONCURRENTLY)/i, "writers wait: REINDEX CONCURRENTLY"],
  [/^REFRESH MATERIALIZED VIEW (?!CONCURRENTLY)/i, "readers wait: REFRESH MATERIALIZED VIEW CONCURRENTLY"],
  [/^(VACUUM FULL|CLUSTER|LOCK TABLE|TRUNCATE)\b/i, "everybody waits for it"],
  [/^ALTER TABLE .*ALTER (COLUMN )?\w+ (SET DATA )?TYPE\b/i, "the table is rewritten: add a column and fill it"],
  [/^ALTER TABLE .*(SET TABLESPACE|SET LOGGED|SET UNLOGGED|SET ACCESS METHOD)/i, "the table is rewritten"],
  [new RegExp(`${ADD_COLUMN}.*(GENERATED ALWAYS AS \\(.*STORED|AS IDENTITY)`, "i"), "the table is rewritten"],
  [new RegExp(`${ADD_COLUMN}\\w+ (small|big)?serial\\b`, "i"), "the table is rewritten"],
  [
    new RegExp(`${ADD_COLUMN}.*DEFAULT (?!now\\(\\)|current_timestamp)\\w+ ?\\(`, "i"),
    "a default that differs by row rewrites the table: add it without, set the default, fill in batches",
  ],
  [new RegExp(`${ADD_COLUMN}(?!.*\\bDEFAULT\\b).*NOT NULL`, "i"), "fails on rows that are there: give it a DEFAULT"],
  [new RegExp(`${ADD_COLUMN}.*\\b(UNIQUE|PRIMARY KEY|REFERENCES)\\b`, "i"), "add the column, then the constraint"],
  [new RegExp(`${ADD_COLUMN}.*\\bCHECK\\b`, "i"), "the table is read under lock: ADD CONSTRAINT ... NOT VALID"],
  [
    /^ALTER TABLE .*ADD (CONSTRAINT \w+ )?(CHECK|FOREIGN KEY)\b(?!.*NOT VALID)/i,
    "the table is read under lock: NOT VALID, and VALIDATE CONSTRAINT in the next migration",
  ],
  [
    /^ALTER TABLE .*ADD (CONSTRAINT \w+ )?(UNIQUE|PRIMARY KEY)\b(?! USING INDEX)/i,
    "writers wait until its index is built: CREATE UNIQUE INDEX CONCURRENTLY, then USING INDEX",
  ],
  [/^ALTER TABLE .*ADD (CONSTRAINT \w+ )?EXCLUDE\b/i, "writers wait until its index is built"],
  [/^ALTER TABLE .*SET NOT NULL/i, "the table is read under lock: a CHECK that is NOT VALID, validated later"],
  [/^ALTER (TABLE|VIEW|INDEX) .*RENAME\b/i, "the code before it asks for the old name"],
  [/^(?!.*-- unused since).*\bDROP (TABLE|COLUMN|VIEW)\b/i, "the code before it may use it: say '-- unused since ...'"],
];
