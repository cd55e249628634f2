import { type Kysely, sql } from "kysely";

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    ALTER TABLE stock_levels ADD COLUMN low_stock_threshold integer;
    ALTER TABLE stock_levels ADD CONSTRAINT stock_levels_threshold_positive CHECK (low_stock_threshold > 0) NOT VALID;

    ALTER TABLE items DROP CONSTRAINT items_status_known;
    ALTER TABLE items ADD CONSTRAINT items_status_known CHECK (status IN ('draft', 'active', 'archived')) NOT VALID;

    -- Products whatever their status; the view products, without it, is for the code before this.
    CREATE VIEW all_products AS
      SELECT i.id, i.owner_id, i.title AS name, i.description, i.price_cents, i.category, i.tags, i.sku,
             l.on_hand - l.reserved AS available, l.on_hand > l.reserved AS in_stock,
             i.version, i.created_at, i.updated_at, i.status
      FROM items i JOIN stock_levels l ON l.item_id = i.id
      WHERE i.tracked;
  `.execute(db);
}

export async function down(db: Kysely<unknown>): Promise<void> {
  await sql`
    DROP VIEW all_products;
    UPDATE items SET status = 'archived' WHERE status = 'draft';
    ALTER TABLE items DROP CONSTRAINT items_status_known;
    ALTER TABLE items ADD CONSTRAINT items_status_known CHECK (status IN ('active', 'archived'));
    ALTER TABLE stock_levels DROP COLUMN low_stock_threshold;
  `.execute(db);
}
