import { problem } from "#src/platform/http/problem.ts";

export const itemNotFound = problem("item.not_found", 404, "There is no such item");
export const productNotFound = problem("product.not_found", 404, "There is no such product");
export const notItsOwner = problem("item.not_owner", 403, "Only its owner or an admin may change an item");
export const foreignOwner = problem("item.foreign_owner", 403, "Only an admin may list an item for somebody else");
export const ownerUnknown = problem("item.owner_unknown", 422, "There is no user with this owner_id");
export const skuTaken = problem("item.sku_taken", 409, "Another item already has this SKU");
export const importUnreadable = problem("import.unreadable", 422, "This is no file of products");
export const batchRefused = problem("product.batch_refused", 422, "Nothing was written: see which products are wrong");
export const importNotFound = problem("import.not_found", 404, "There is no such import");
export const stockInUse = problem("stock.in_use", 409, "The stock can't go below what orders have reserved");
export const stockTooLarge = problem("stock.too_large", 422, "The stock would be larger than can be counted");
