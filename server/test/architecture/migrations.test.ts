import { readFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { listMigrations } from "#src/platform/database/migrate.ts";
import { dangersOf } from "./migrations.ts";

const FOLDER = path.resolve(import.meta.dirname, "../../migrations");

test.for(await listMigrations())("F11: %s hurts nobody who works meanwhile", async (name) => {
  const text = await readFile(path.join(FOLDER, `${name}.ts`), "utf8");
  const up = text.slice(text.indexOf("function up"), text.indexOf("function down"));
  expect(up).toContain("sql`");
  expect(dangersOf(up)).toEqual([]);
});

test.for([
  "CREATE INDEX items_price ON items (price_cents)",
  "CREATE UNIQUE INDEX items_price ON items (price_cents)",
  "CREATE INDEX CONCURRENTLY items_price ON items (price_cents)",
  "CREATE TABLE other (id int); CREATE INDEX items_price ON items (price_cents)",
  "DROP INDEX items_price",
  "REINDEX TABLE items",
  "ALTER TABLE items ALTER COLUMN price_cents TYPE numeric",
  "ALTER TABLE items ADD COLUMN code uuid DEFAULT gen_random_uuid()",
  "ALTER TABLE items ADD COLUMN code text NOT NULL",
  "ALTER TABLE items ADD COLUMN code bigserial",
  "ALTER TABLE items ADD code bigint GENERATED ALWAYS AS IDENTITY",
  "ALTER TABLE items ADD COLUMN gross bigint GENERATED ALWAYS AS (price_cents * 2) STORED",
  "ALTER TABLE items ADD COLUMN code text UNIQUE",
  "ALTER TABLE items ADD COLUMN shelf_id bigint REFERENCES shelves",
  "ALTER TABLE items ADD COLUMN weight int DEFAULT 0 CHECK (weight >= 0)",
  "ALTER TABLE items ADD CONSTRAINT items_weight_real CHECK (weight >= 0)",
  "ALTER TABLE items ADD FOREIGN KEY (shelf_id) REFERENCES shelves",
  "ALTER TABLE items ADD CONSTRAINT items_code_unique UNIQUE (code)",
  "ALTER TABLE items ALTER COLUMN sku SET NOT NULL",
  "ALTER TABLE items RENAME COLUMN title TO name",
  "ALTER TABLE items DROP COLUMN sku",
  "DROP TABLE items",
  "VACUUM FULL items",
  "LOCK TABLE items",
])("F11: a migration is refused that says %s", (text) => {
  expect(dangersOf(`sql\`${text}\``)).not.toEqual([]);
});

test.for([
  "ALTER TABLE items ADD COLUMN warranty_months integer NOT NULL DEFAULT 24",
  "ALTER TABLE items ADD COLUMN seen_at timestamptz NOT NULL DEFAULT now()",
  "ALTER TABLE items ADD COLUMN note text",
  "DROP INDEX CONCURRENTLY IF EXISTS items_note; CREATE INDEX CONCURRENTLY items_note ON items (note)",
  "ALTER TABLE items ADD CONSTRAINT items_weight_real CHECK (weight >= 0) NOT VALID",
  "ALTER TABLE items VALIDATE CONSTRAINT items_weight_real",
  "ALTER TABLE items ADD CONSTRAINT items_code_unique UNIQUE USING INDEX items_code",
  "ALTER TABLE items DROP COLUMN sku -- unused since 0007",
  "CREATE TABLE shelves (id bigint PRIMARY KEY); CREATE INDEX shelves_id ON shelves (id)",
])("F11: a migration may say %s", (text) => {
  expect(dangersOf(`sql\`${text}\``)).toEqual([]);
});
