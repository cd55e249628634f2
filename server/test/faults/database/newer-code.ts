import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";

const ROOT = path.resolve(import.meta.dirname, "../../../..");

const COLUMNS = `import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql\`
    ALTER TABLE items ADD COLUMN warranty_months integer NOT NULL DEFAULT 24;
    ALTER TABLE orders ADD COLUMN note text;
    ALTER TABLE stock_levels ADD COLUMN shelf text
  \`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql\`ALTER TABLE items DROP COLUMN warranty_months; ALTER TABLE orders DROP COLUMN note\`.execute(db);
}
`;

const INDEX = `import { type Kysely, sql } from "kysely";

export const transaction = false;

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql\`DROP INDEX CONCURRENTLY IF EXISTS orders_note\`.execute(db);
  await sql\`CREATE INDEX CONCURRENTLY orders_note ON orders (note)\`.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql\`DROP INDEX CONCURRENTLY orders_note\`.execute(db);
}
`;

export const NEWER_MIGRATIONS = ["9001_note", "9002_note_index"];

/** The release after this one: the same code, which knows two more migrations. @returns where its command line begins */
export async function createNewerCode(): Promise<{ main: string } & AsyncDisposable> {
  const root = await mkdtemp(path.join(tmpdir(), "shopfloor-newer-"));
  const server = path.join(root, "server");
  await mkdir(server);
  for (const part of ["src", "migrations", "seeds", "package.json"])
    await cp(path.join(ROOT, "server", part), path.join(server, part), { recursive: true });
  await symlink(path.join(ROOT, "node_modules"), path.join(root, "node_modules"));
  for (const [nth, text] of [COLUMNS, INDEX].entries())
    await writeFile(path.join(server, "migrations", `${NEWER_MIGRATIONS[nth]}.ts`), text);
  return {
    main: path.join(server, "src", "main.ts"),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
