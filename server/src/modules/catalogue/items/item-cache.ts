import type { Trx } from "#src/platform/database/database.ts";
import { forgetAtCommit } from "#src/platform/database/transact.ts";

/** Under this key the cache keeps what GET /api/v1/items/{id} shows, its owner's name included. */
export function itemKey(id: number): string {
  return `item:${id}`;
}

/** Notes that a transaction changes what is shown of these items; part of every write of an item. */
export function forgetItems(trx: Trx, ids: number[]): void {
  forgetAtCommit(trx, ids.map(itemKey));
}
