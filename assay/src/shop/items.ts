import { type Content, type Exchange, type Line, type Sender, send } from "../http/exchange.ts";
import { fault } from "../http/fault.ts";
import { bodyOf, fieldOf, headerOf, integerOf, nameOf, type Reading, rowsOf, textOf } from "../http/reading.ts";
import { succeeded } from "../http/refusal.ts";

/** How an item shall look; absent: not said. */
export type ItemText = { title: string; description?: string; price_cents?: number };

/** The three ways in which somebody touches an item that is there. */
export type Change = "replace" | "change" | "take down";

/** Sends a new item; `more` adds fields to the body or replaces them. */
export function putUp(line: Line, sender: Sender | undefined, item: unknown, content: Content = {}): Promise<Exchange> {
  return send(line, sender, "POST /api/v1/items", { json: item, ...content });
}

/** Asks for one item, as a visitor. */
export function readItem(line: Line, id: number | string, headers: Record<string, string> = {}): Promise<Exchange> {
  return send(line, undefined, `GET /api/v1/items/${encodeURIComponent(id)}`, { headers });
}

/** Sends a PUT with a whole item. `copy` is the ETag that the sender starts from. */
export function replaceItem(
  line: Line,
  sender: Sender | undefined,
  { id, item, copy }: { id: number; item: ItemText; copy?: string | undefined },
): Promise<Exchange> {
  return send(line, sender, `PUT /api/v1/items/${id}`, { json: item, headers: startingFrom(copy) });
}

/** Sends a PATCH with some fields. `copy` is the ETag that the sender starts from. */
export function changeItem(
  line: Line,
  sender: Sender | undefined,
  { id, item, copy }: { id: number; item: Partial<ItemText>; copy?: string | undefined },
): Promise<Exchange> {
  return send(line, sender, `PATCH /api/v1/items/${id}`, { json: item, headers: startingFrom(copy) });
}

/** Sends a DELETE. `copy` is the ETag that the sender starts from. */
export function takeDown(
  line: Line,
  sender: Sender | undefined,
  { id, copy }: { id: number; copy?: string | undefined },
): Promise<Exchange> {
  return send(line, sender, `DELETE /api/v1/items/${id}`, { headers: startingFrom(copy) });
}

/** One of the three changes, with values that no scenario expects to see afterwards. */
export function tryChange(
  line: Line,
  sender: Sender | undefined,
  { change, id, copy }: { change: Change; id: number; copy?: string },
): Promise<Exchange> {
  const item = { title: "Somebody was here", description: "and here", price_cents: 1 };
  if (change === "replace") return replaceItem(line, sender, { id, item, copy });
  if (change === "change") return changeItem(line, sender, { id, item, copy });
  return takeDown(line, sender, { id, copy });
}

/** The mark of the copy in an answer, to send in If-Match or If-None-Match (RFC 9110, 8.8.3). */
export function copyOf(exchange: Exchange): string {
  return headerOf(succeeded(exchange), "etag");
}

/** A page of the public list of items; `query` as in the contract. */
export function listItems(line: Line, query: Record<string, string | number>): Promise<Exchange> {
  const search = new URLSearchParams(Object.entries(query).map(([name, value]) => [name, String(value)]));
  return send(line, undefined, `GET /api/v1/items?${search.toString()}`);
}

/** The entries of a page. Throws a Fault when the answer is no page. */
export function pageOf(exchange: Exchange): Reading[] {
  return rowsOf(bodyOf(succeeded(exchange)), "data");
}

// A walk that needs more pages than this goes round in circles.
const PAGES_MAX = 200;

/** Reads page by page with skip and limit until a page is not full; the ids of each page. */
export async function walkBySkipping(line: Line, ownerId: number, limit: number): Promise<number[][]> {
  const pages: number[][] = [];
  for (let skip = 0; pages.length < PAGES_MAX; skip += limit) {
    const ids = pageOf(await listItems(line, { owner_id: ownerId, skip, limit })).map((row) => integerOf(row, "id"));
    if (ids.length > 0) pages.push(ids);
    if (ids.length < limit) break;
  }
  return pages;
}

/**
 * Reads page by page with the cursor of the page before, until there is none; the ids of each page.
 * @param meanwhile runs between two pages
 * @throws Fault when the walk doesn't end
 */
export async function walkByCursor(
  line: Line,
  ownerId: number,
  { limit, meanwhile }: { limit: number; meanwhile?: () => Promise<unknown> },
): Promise<number[][]> {
  const pages: number[][] = [];
  let cursor: string | undefined;
  for (;;) {
    const where: Record<string, string | number> = cursor === undefined ? {} : { cursor };
    const page = await listItems(line, { owner_id: ownerId, limit, ...where });
    pages.push(pageOf(page).map((row) => integerOf(row, "id")));
    const next = fieldOf(bodyOf(page), "next_cursor");
    if (next.value === null) return pages;
    cursor = textOf(bodyOf(page), "next_cursor");
    if (pages.length >= PAGES_MAX) throw fault(page, `${nameOf(page)}: the walk by cursor did not end`);
    await meanwhile?.();
  }
}

function startingFrom(copy: string | undefined): Record<string, string> {
  return copy === undefined ? {} : { "if-match": copy };
}
