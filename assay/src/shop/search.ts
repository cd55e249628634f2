import { type Exchange, type Line, send } from "../http/exchange.ts";
import { fault } from "../http/fault.ts";
import { bodyOf, fieldOf, integerOf, type Reading, rowsOf, textOf } from "../http/reading.ts";
import { succeeded } from "../http/refusal.ts";

/** Until what was written is found: search is fed by events, so it may come a little later. */
export const FOUND_WITHIN_MS = 5_000;

/** Asks for the items that a text finds, as a visitor. */
export function searchFor(line: Line, text: string, filters: Record<string, string> = {}): Promise<Exchange> {
  const query = new URLSearchParams({ q: text, ...filters });
  return send(line, undefined, `GET /api/v1/search/items?${query.toString()}`);
}

/** The hit with this id. @throws Fault when it is not among the hits */
export function hitOf(exchange: Exchange, id: number): Reading {
  const hit = hitsOf(exchange).find((row) => integerOf(row, "id") === id);
  if (hit === undefined) throw fault(exchange, `the item ${id} is not among what was found`);
  return hit;
}

/** @throws Fault when the item is among the hits */
export function expectNoHit(exchange: Exchange, id: number): void {
  if (hitsOf(exchange).some((row) => integerOf(row, "id") === id)) {
    throw fault(exchange, `the item ${id} is among what was found`);
  }
}

/** What the search took the text for, because nothing matched it as it was. */
export function correctionOf(exchange: Exchange): string {
  return textOf(bodyOf(succeeded(exchange)), "did_you_mean");
}

/** How many hits there would be in this category. */
export function countedIn(exchange: Exchange, category: string): number {
  const rows = rowsOf(fieldOf(bodyOf(succeeded(exchange)), "facets"), "category");
  const row = rows.find((one) => textOf(one, "value") === category);
  return row === undefined ? 0 : integerOf(row, "count");
}

/** Asks what a text may become, as a visitor. */
export async function completionsOf(line: Line, text: string): Promise<{ exchange: Exchange; texts: unknown[] }> {
  const query = new URLSearchParams({ q: text });
  const exchange = succeeded(await send(line, undefined, `GET /api/v1/search/suggest?${query.toString()}`));
  return { exchange, texts: rowsOf(bodyOf(exchange), "data").map((row) => row.value) };
}

function hitsOf(exchange: Exchange): Reading[] {
  return rowsOf(bodyOf(succeeded(exchange)), "data");
}
