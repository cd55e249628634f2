import pg from "pg";

// Each statement answers one line of text per thing, so that two databases can be compared and the difference be read.
const QUERIES = [
  `SELECT format('%s %s %s', c.relkind, c.relname, c.reloptions::text) AS line FROM pg_class c
   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind <> 'i'`,
  `SELECT format('column %s.%s %s %s %s%s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                 a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)) AS line
   FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
   WHERE c.relnamespace = 'public'::regnamespace AND c.relkind <> 'i'`,
  `SELECT format('constraint %s.%s %s', conrelid::regclass, conname, pg_get_constraintdef(oid)) AS line
   FROM pg_constraint WHERE connamespace = 'public'::regnamespace`,
  `SELECT format('index %s', indexdef) AS line FROM pg_indexes WHERE schemaname = 'public'`,
  `SELECT format('view %s %s', viewname, definition) AS line FROM pg_views WHERE schemaname = 'public'`,
  `SELECT format('sequence %s of %s.%s', d.objid::regclass, d.refobjid::regclass, a.attname) AS line
   FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
   JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
   WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass`,
  `SELECT format('trigger %s', pg_get_triggerdef(t.oid)) AS line FROM pg_trigger t WHERE NOT t.tgisinternal`,
  `SELECT format('function %s', pg_get_functiondef(p.oid)) AS line FROM pg_proc p
   WHERE p.pronamespace = 'public'::regnamespace AND p.prokind <> 'a'
     AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')`,
  `SELECT format('type %s %s', t.typtype, t.typname) AS line FROM pg_type t
   WHERE t.typnamespace = 'public'::regnamespace AND t.typtype IN ('e', 'd', 'r')`,
  "SELECT format('extension %s', extname) AS line FROM pg_extension",
  "SELECT format('schema %s', nspname) AS line FROM pg_namespace WHERE nspname !~ '^pg_'",
];

/** Everything that migrations may make, one line for each thing, sorted. The migrator's own tables are left out. */
export async function dumpCatalogue(url: string): Promise<string[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const lines: string[] = [];
    for (const query of QUERIES) {
      const { rows } = await client.query<{ line: string }>(query);
      lines.push(...rows.map((row) => row.line));
    }
    return lines.filter((line) => !/\bkysely_migration/.test(line)).toSorted();
  } finally {
    await client.end();
  }
}
