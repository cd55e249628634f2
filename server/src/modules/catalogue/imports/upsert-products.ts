import type { Trx } from "#src/platform/database/database.ts";
import type { Origin } from "#src/platform/telemetry/origin.ts";
import { type Known, insertProducts, lockKnown, setStock, updateProducts } from "./import-repository.ts";
import { announceItems, announceLowStock } from "#src/modules/catalogue/items/item-writes.ts";
import type { ProductLine } from "./import-schemas.ts";
import { lockLevels } from "#src/modules/catalogue/stock/stock-repository.ts";

/** Lines that one round of statements writes. */
export const UPSERT_BATCH = 500;

export type UpsertOutcome = "created" | "updated" | "unchanged";
export type Refusal = { index: number; message: string };
export type Upserted = { sku: string; item_id: number; outcome: UpsertOutcome };

export type Upsert = {
  lines: ProductLine[];
  user_id: number;
  correlation_id: string;
  /** stands in the ledger with each movement of stock */
  reason: string;
  origin: Origin;
  onProgress?: (done: number) => Promise<void>;
};

/**
 * Creates the products whose SKU is new and changes those whose SKU is known, all of them or none: what would be refused
 * is found, under lock, before anything is written. SKUs must not repeat.
 * @returns what became of each line, in their order, or every refusal
 */
export async function upsertProducts(trx: Trx, input: Upsert): Promise<Upserted[] | { refused: Refusal[] }> {
  const found = await lockKnown(
    trx,
    input.lines.map(({ sku }) => sku),
  );
  const known = new Map(found.map((one) => [one.sku, one]));
  const counted = input.lines.flatMap(({ sku, stock }) => (stock === undefined ? [] : (known.get(sku)?.id ?? [])));
  const levels = new Map((await lockLevels(trx, counted)).map((level) => [level.item_id, level]));
  const refused = input.lines.flatMap((line, index) => {
    const one = known.get(line.sku);
    const message = one && refusalOf(line, one, levels.get(one.id)?.reserved ?? 0);
    return message === undefined ? [] : [{ index, message }];
  });
  if (refused.length > 0) return { refused };
  const upserted: Upserted[] = [];
  for (let start = 0; start < input.lines.length; start += UPSERT_BATCH) {
    upserted.push(
      ...(await upsertBatch(trx, known, { ...input, lines: input.lines.slice(start, start + UPSERT_BATCH) })),
    );
    await input.onProgress?.(upserted.length);
  }
  return upserted;
}

function refusalOf(line: ProductLine, known: Known, reserved: number): string | undefined {
  if (!known.tracked) return "the sku belongs to an item that is not sold from stock";
  if (line.stock === undefined || line.stock >= reserved) return undefined;
  return `stock ${line.stock} is less than the ${reserved} that orders have reserved`;
}

async function upsertBatch(trx: Trx, known: Map<string, Known>, input: Upsert): Promise<Upserted[]> {
  const made = await insertProducts(
    trx,
    input.lines.filter(({ sku }) => !known.has(sku)),
    input,
  );
  const existing = input.lines.flatMap((line) => {
    const id = known.get(line.sku)?.id;
    return id === undefined ? [] : [{ ...line, id }];
  });
  const counted = existing.flatMap(({ id, stock }) => (stock === undefined ? [] : [{ id, stock }]));
  const updated = await updateProducts(trx, existing);
  const moved = await setStock(trx, counted, input);
  const changed = new Set([...updated, ...moved.map(({ item_id }) => item_id)]);
  const { origin } = input;
  await announceLowStock(
    trx,
    moved.map((level) => ({ ...level, origin })),
  );
  await announceItems(
    trx,
    [...made.values(), ...changed].map((item_id) => ({ origin, item_id })),
  );
  return input.lines.map(({ sku }) => {
    const item_id = made.get(sku) ?? known.get(sku)?.id;
    if (item_id === undefined) throw new Error(`the product ${sku} was neither found nor made`);
    const outcome = made.has(sku) ? "created" : changed.has(item_id) ? "updated" : "unchanged";
    return { sku, item_id, outcome };
  });
}
